import { describe, expect, it } from 'vitest';

import { fileURLToPath } from 'node:url';
import { createAssets, createViews } from './index.ts';
const root = fileURLToPath(new URL('../../../views/', import.meta.url));
describe('x', () => { it('parses', () => {
  const assets = createAssets({ root: `${root}assets`, basePath: '' });
  createViews({ root, basePath: '', globals: { assets: assets.urls } });
  expect(assets.urls.css).toMatch(/css/);
}); });
