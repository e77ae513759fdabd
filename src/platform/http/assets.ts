import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Middleware } from 'koa';

import { prepare, prepared } from './prepared.ts';

interface Deps {
  /** Absolute path of the folder with gatehouse.css, the scripts and mark.svg. */
  readonly root: string;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
}

export interface Assets {
  /** Paths with the hash of the content in their name; the `assets` of the templates. */
  readonly urls: Readonly<Record<'css' | 'passkey' | 'consent' | 'webauthn' | 'mark', string>>;
  /** Answers below `/assets/`, passes everything else on. */
  readonly middleware: Middleware;
}

/** One year, in seconds. */
const FOREVER = 31_536_000;

/**
 * Style, script and mark of the pages, read once at start and served from our own origin, so that
 * no page needs a third party. A name changes with its content and may be cached for ever.
 *
 * @throws when a file cannot be read.
 */
export function createAssets({ root, basePath }: Deps): Assets {
  const files = {
    css: asset(join(root, 'gatehouse.css'), 'gatehouse', 'css', 'text/css; charset=utf-8'),
    passkey: asset(join(root, 'passkey.js'), 'passkey', 'js', 'text/javascript; charset=utf-8'),
    consent: asset(join(root, 'consent.js'), 'consent', 'js', 'text/javascript; charset=utf-8'),
    webauthn: asset(webauthnBundle(), 'webauthn', 'js', 'text/javascript; charset=utf-8'),
    mark: asset(join(root, 'mark.svg'), 'mark', 'svg', 'image/svg+xml'),
  };
  const byPath = new Map(Object.values(files).map(({ name, respond }) => [`/assets/${name}`, respond]));
  const url = (file: { readonly name: string }) => `${basePath}/assets/${file.name}`;

  return {
    urls: {
      css: url(files.css),
      passkey: url(files.passkey),
      consent: url(files.consent),
      webauthn: url(files.webauthn),
      mark: url(files.mark),
    },
    async middleware(ctx, next) {
      const path = ctx.path.startsWith(`${basePath}/`) ? ctx.path.slice(basePath.length) : '';
      const respond = byPath.get(path);
      return respond ? respond(ctx, next) : next();
    },
  };
}

function asset(file: string, stem: string, extension: string, type: string) {
  const bytes = readFileSync(file);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  return {
    name: `${stem}-${hash}.${extension}`,
    respond: prepared(prepare(bytes, { type, maxAge: FOREVER, immutable: true })),
  };
}

/** The bundle for browsers that @simplewebauthn/browser carries beside its modules. */
function webauthnBundle(): string {
  const entry = fileURLToPath(import.meta.resolve('@simplewebauthn/browser'));
  return join(entry, '../../dist/bundle/index.umd.min.js');
}
