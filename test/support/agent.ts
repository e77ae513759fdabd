/**
 * A person's browser without scripts: keeps cookies by path, follows redirects within one origin, those
 * that a page itself orders too, and sends forms back as they came.
 */

export interface Page {
  readonly url: string;
  /** Every address on the way to this one, which is the last of them. */
  readonly visited: readonly string[];
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where a redirect leaves the origin, or was not followed. */
  readonly location: string | undefined;
  /** The one form of the page, if it has one. */
  readonly form: HtmlForm | undefined;
}

export interface HtmlForm {
  readonly step: string;
  readonly action: string;
  /** Hidden inputs and prefilled fields, as a browser would send them. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly checkboxes: readonly {
    readonly name: string;
    readonly value: string;
    readonly checked: boolean;
    /** Offered on the consent page beyond what the client asked for. */
    readonly beyond: boolean;
  }[];
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

export interface Agent {
  get(url: string): Promise<Page>;
  /** Sends the form with `values` over what it came with; checkboxes as they stand unless given. */
  submit(page: Page, values: Readonly<Record<string, string | readonly string[]>>): Promise<Page>;
  post(
    url: string,
    body: URLSearchParams | string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Page>;
  cookies(): readonly Cookie[];
  setCookie(cookie: Cookie): void;
}

export function createAgent({ follow = true }: { readonly follow?: boolean } = {}): Agent {
  let jar: Cookie[] = [];

  async function request(url: string, init: RequestInit = {}): Promise<Page> {
    let current = url;
    let options = init;
    const visited: string[] = [];
    for (let hop = 0; hop < 20; hop += 1) {
      visited.push(current);
      const { pathname } = new URL(current);
      const cookie = jar
        .filter(
          ({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
        )
        .map(({ name, value }) => `${name}=${value}`)
        .join('; ');
      const response = await fetch(current, {
        ...options,
        redirect: 'manual',
        headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...(options.headers ?? {}) },
      });
      keep(response.headers.getSetCookie());
      const html = await response.text();
      const target = response.headers.get('location') ?? refreshOf(html);
      const next = target === null ? undefined : new URL(target, current).href;
      const inside = next !== undefined && new URL(next).origin === new URL(url).origin;
      if (!next || !inside || !follow) {
        return {
          url: current,
          visited,
          status: response.status,
          headers: response.headers,
          html,
          location: next,
          form: parseForm(html, current),
        };
      }
      current = next;
      options = {};
    }
    throw new Error(`too many redirects from ${url}`);
  }

  function keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(/; */);
      const at = pair.indexOf('=');
      const read = (name: string) =>
        attributes.find((a) => a.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
      const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), path: read('path') ?? '/' };
      jar = jar.filter(({ name, path }) => name !== cookie.name || path !== cookie.path);
      const expires = read('expires');
      const gone = read('max-age') === '0' || (expires !== undefined && new Date(expires) < new Date());
      if (!gone) jar.push(cookie);
    }
  }

  return {
    get: (url) => request(url),
    post: (url, body, headers = {}) =>
      request(url, {
        method: 'POST',
        body: body.toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      }),
    submit(page, values) {
      if (!page.form) throw new Error(`no form on ${page.url} (${page.status}): ${page.html.slice(0, 2000)}`);
      const body = new URLSearchParams();
      for (const [name, value] of page.form.fields) if (!(name in values)) body.append(name, value);
      for (const { name, value, checked } of page.form.checkboxes) {
        if (checked && !(name in values)) body.append(name, value);
      }
      for (const [name, value] of Object.entries(values)) {
        for (const one of typeof value === 'string' ? [value] : value) body.append(name, one);
      }
      return this.post(page.form.action, body);
    },
    cookies: () => jar,
    setCookie(cookie) {
      jar = jar.filter(({ name, path }) => name !== cookie.name || path !== cookie.path);
      jar.push(cookie);
    },
  };
}

const decodeEntities = (text: string) =>
  text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');

/** Where a page sends the browser on at once (HTML, "shared declarative refresh steps"). */
function refreshOf(html: string): string | null {
  const url = /<meta http-equiv="refresh" content="0; url=([^"]*)">/.exec(html)?.[1];
  return url === undefined ? null : decodeEntities(url);
}

function attribute(tag: string, name: string): string | undefined {
  const match = new RegExp(`\\s${name}(?:="([^"]*)")?(?=[\\s>/])`).exec(tag);
  return match ? decodeEntities(match[1] ?? '') : undefined;
}

function parseForm(html: string, base: string): HtmlForm | undefined {
  const [, tag, body] = /(<form\b[^>]*>)([\s\S]*?)<\/form>/.exec(html) ?? [];
  if (tag === undefined || body === undefined) return undefined;
  const inputs = [...body.matchAll(/<input\b[^>]*>/g)].map(([input]) => ({
    name: attribute(input, 'name') ?? '',
    value: attribute(input, 'value') ?? '',
    type: attribute(input, 'type') ?? 'text',
    checked: attribute(input, 'checked') !== undefined,
    beyond: attribute(input, 'data-beyond') !== undefined,
  }));
  return {
    step: attribute(tag, 'data-step') ?? '',
    action: new URL(attribute(tag, 'action') ?? '', base).href,
    fields: inputs
      .filter(({ type, name }) => type !== 'checkbox' && name !== '')
      .map(({ name, value }) => [name, value] as const),
    checkboxes: inputs
      .filter(({ type }) => type === 'checkbox')
      .map(({ name, value, checked, beyond }) => ({ name, value, checked, beyond })),
  };
}

/** The scopes on a consent page that the client asked for. */
export function askedScopes(page: Page): readonly string[] {
  return page.form?.checkboxes.filter(({ beyond }) => !beyond).map(({ value }) => value) ?? [];
}

/** The scopes under "You can also allow". */
export function scopesBeyond(page: Page): readonly string[] {
  return page.form?.checkboxes.filter(({ beyond }) => beyond).map(({ value }) => value) ?? [];
}
