import type { Context } from 'koa';
import { Liquid } from 'liquidjs';
import { GATEHOUSE } from '../../kernel/command-line.ts';

import { originOf } from './context.ts';
import { escapeText } from './escape.ts';
import { PAGES, type Pages } from './pages.ts';

interface Deps {
  /** Absolute path of the templates. */
  readonly root: string;
  /** Path of the issuer, `''` when it has none. */
  readonly basePath: string;
  /** What every template may use, for example the URLs of the assets. */
  readonly globals: Readonly<Record<string, unknown>>;
}

export interface Views {
  /** Answers with a page; the data of each is a type in pages.ts. */
  render<K extends keyof Pages>(
    ctx: Context,
    name: K,
    data: Pages[K],
    options?: { readonly status?: number },
  ): Promise<void>;
}

/**
 * The pages: Liquid templates, compiled once at start, every output escaped.
 *
 * A template that names a value which its data lacks throws, and does so in the first test, rather
 * than showing a hole. Prototypes are out of its reach.
 *
 * @throws when a template is missing or does not parse.
 */
export function createViews({ root, basePath, globals }: Deps): Views {
  const liquid = new Liquid({
    root,
    extname: '.liquid',
    cache: true,
    relativeReference: false,
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
    ownPropertyOnly: true,
    jsTruthy: true,
    outputEscape: escapeText,
    globals: { ...globals, base: basePath, gatehouse: GATEHOUSE },
  });
  const templates = new Map(Object.keys(PAGES).map((name) => [name, liquid.parseFileSync(name)]));

  return {
    async render(ctx, name, data, { status = 200 } = {}) {
      const template = templates.get(name);
      if (template === undefined) throw new TypeError(`there is no page ${name}`);
      const html: string = await liquid.render(template, { ...data, requestId: originOf(ctx).requestId });
      ctx.status = status;
      ctx.type = 'html';
      ctx.body = html;
    },
  };
}
