import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Pages } from '../../src/platform/http/index.ts';
import { type Browser, complaintsOf, launchBrowser, type Page } from '../support/browser.ts';
import { type ListeningApp, listenWith } from '../support/http-app.ts';
import { samplePages } from '../support/pages.ts';
import { describeWith } from '../support/requirements.ts';

const names = Object.keys(samplePages) as (keyof Pages)[];
const HOSTILE = `"><script>window.ran=1</script><img src=x onerror="window.ran=1"><svg onload="window.ran=1">`;

function hostile<T>(data: T, key = ''): T {
  if (typeof data === 'string') return (key === 'qrSvg' ? data : HOSTILE) as T;
  if (Array.isArray(data)) return data.map((item) => hostile(item, key)) as T;
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, hostile(value, name)])) as T;
}

/** Runs in the page, where this project's types do not reach. */
const OVERFLOW = 'document.documentElement.scrollWidth - window.innerWidth';
const SMALL_TARGETS = `
  [...document.querySelectorAll('button, .button, .choice, .field input, nav.tabs > a')]
    .filter((target) => target.checkVisibility() && target.getBoundingClientRect().height < 44)
    .map((target) => target.outerHTML)`;
const FOCUS = '[document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]';

describeWith('browser', 'the pages in a browser', () => {
  let app: ListeningApp;
  let browser: Browser;
  const pages: Partial<Record<'light' | 'dark' | 'phone', Page>> = {};
  beforeAll(async () => {
    app = await listenWith(({ views }) => async (ctx) => {
      const name = ctx.path.slice(1) as keyof Pages;
      if (!names.includes(name)) return;
      await views.render(ctx, name, ctx.query['hostile'] ? hostile(samplePages[name]) : samplePages[name]);
    });
    browser = await launchBrowser();
    for (const kind of ['light', 'dark', 'phone'] as const) {
      const context = await browser.newContext({
        viewport: kind === 'phone' ? { width: 320, height: 640 } : { width: 1000, height: 800 },
        colorScheme: kind === 'dark' ? 'dark' : 'light',
        reducedMotion: 'reduce',
      });
      pages[kind] = await context.newPage();
    }
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });

  async function open(kind: keyof typeof pages, path: string): Promise<Page> {
    const page = pages[kind];
    if (!page) throw new Error('the browser did not start');
    await page.goto(`${app.issuer}/${path}`);
    return page;
  }

  /** What axe finds, each with the markup that it is about. */
  async function violationsOf(builder: AxeBuilder) {
    const { violations } = await builder.analyze();
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
  }

  it.each(names)('%s has nothing that keeps anybody out (WCAG 2.2 AA)', async (name) => {
    const page = await open('light', name);
    const tags = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];

    expect(await violationsOf(new AxeBuilder({ page }).withTags(tags))).toEqual([]);
  });

  it.each(names)('%s can be read in the dark', async (name) => {
    const page = await open('dark', name);

    expect(await violationsOf(new AxeBuilder({ page }).withRules(['color-contrast']))).toEqual([]);
  });

  it.each(names)('%s fits a phone of 320 pixels, with targets of 44', async (name) => {
    const page = await open('phone', name);

    expect(await page.evaluate(OVERFLOW)).toBeLessThanOrEqual(0);
    expect(await page.evaluate(SMALL_TARGETS)).toEqual([]);
  });

  it.each(names)(
    'M10: %s runs no script of its data, and leaves the policy nothing to block',
    async (name) => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const complaints = complaintsOf(page);
      await page.goto(`${app.issuer}/${name}?hostile=1`);
      const ran = await page.evaluate('"ran" in window');
      await context.close();

      expect(ran).toBe(false);
      expect(complaints.filter((complaint) => /Content.Security.Policy/i.test(complaint))).toEqual([]);
    },
  );

  describe('the sign-in page', () => {
    it('shows without scripts what it shows with them, but for the passkey button', async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(`${app.issuer}/sign-in/identify`);

      expect(await page.getByRole('button').allTextContents()).toEqual(['Next']);
      expect(await page.getByText('or', { exact: true }).isVisible()).toBe(false);
      await context.close();
    });

    it('begins in the field, and shows where the focus is', async () => {
      expect(await (await open('light', 'sign-in/identify')).evaluate(FOCUS)).toEqual(['email', 'solid']);
    });
  });
});
