import { randomBytes } from 'node:crypto';

/** A program that connects to an MCP server with one of the official SDKs, and keeps in memory what a real one would store. */
export interface Program {
  readonly memory: Memory;
  /** Where it sent the person's browser, in order. */
  readonly opened: readonly URL[];
  /** Every request it made: method, path, grant type, status, as in `POST /token refresh_token 200`. */
  readonly trace: readonly string[];
  /** Connects, by way of the person's browser where the server wants an authorization. */
  connect(): Promise<void>;
  tools(): Promise<readonly string[]>;
  /** Calls a tool, by way of the browser again where the call takes more than was granted. */
  call(tool: string, input: Readonly<Record<string, unknown>>): Promise<string>;
  /** Ends the connection; what it remembers stays. */
  close(): Promise<void>;
}

/** What a program has stored. Put something else in, and it behaves as if it had aged. */
export interface Memory {
  client: StoredClient | undefined;
  tokens: StoredTokens | undefined;
}

export interface StoredClient {
  readonly client_id: string;
  readonly client_secret?: string;
}

export interface StoredTokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly refresh_token?: string;
  readonly scope?: string;
  readonly expires_in?: number;
}

export interface ProgramOptions {
  readonly resource: string;
  readonly redirectUri: string;
  /** The person's browser: from the authorization URL to the callback. */
  readonly open: (url: URL) => Promise<URL>;
  /** A client that an administrator registered; without one it registers itself. */
  readonly registered?: StoredClient;
  /** Paths that it finds nothing at, for one that is older than what is there. */
  readonly misses?: readonly RegExp[];
  /** What it registers with. */
  readonly grantTypes?: readonly string[];
}

/** What the SDKs ask of a program, in the words that they share. */
export type Provider = ReturnType<typeof createProvider>;

/** One SDK in terms of the story: what differs between them. */
export interface Sdk {
  connect(): Promise<void>;
  /** Hands over what the browser brought back. */
  finish(callback: URLSearchParams): Promise<void>;
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>;
  callTool(call: { readonly name: string; readonly arguments: Record<string, unknown> }): Promise<object>;
  close(): Promise<void>;
  /** Whether this is how it says that it has sent the browser away. */
  isUnauthorized(error: unknown): boolean;
}

/** Puts a program together around an SDK. */
export function createProgram(
  options: ProgramOptions,
  use: (provider: Provider, tracing: typeof fetch) => Sdk,
): Program {
  const memory: Memory = { client: options.registered, tokens: undefined };
  const opened: URL[] = [];
  const trace: string[] = [];
  const state = randomBytes(16).toString('base64url');
  const sdk = use(
    createProvider(options, { memory, opened, state }),
    tracingFetch(trace, options.misses ?? []),
  );

  /** Does it; when the SDK has sent the browser away, follows it, and does it again. */
  const authorized = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = opened.length;
    try {
      return await work();
    } catch (error) {
      const url = opened[before];
      if (!sdk.isUnauthorized(error) || url === undefined) throw error;
      await sdk.finish(readCallback(await options.open(url), state));
      return await work();
    }
  };

  return {
    memory,
    opened,
    trace,
    connect: () => authorized(sdk.connect),
    tools: () => authorized(async () => (await sdk.listTools()).tools.map(({ name }) => name)),
    call: (name, input) =>
      authorized(async () => textOf(await sdk.callTool({ name, arguments: { ...input } }))),
    close: sdk.close,
  };
}

function createProvider(
  { redirectUri, registered, grantTypes }: ProgramOptions,
  { memory, opened, state }: { memory: Memory; opened: URL[]; state: string },
) {
  let verifier = '';
  return {
    redirectUrl: redirectUri,
    clientMetadata: {
      client_name: 'Field Notes',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
      ...(grantTypes ? { grant_types: [...grantTypes] } : {}),
    },
    state: () => state,
    clientInformation: () => memory.client,
    ...(registered
      ? {}
      : {
          saveClientInformation(client: StoredClient) {
            memory.client = client;
          },
        }),
    tokens: () => memory.tokens,
    saveTokens(tokens: StoredTokens) {
      memory.tokens = tokens;
    },
    redirectToAuthorization(url: URL) {
      opened.push(url);
    },
    saveCodeVerifier(value: string) {
      verifier = value;
    },
    codeVerifier: () => verifier,
    invalidateCredentials(scope: string) {
      if (scope === 'all' || scope === 'tokens') memory.tokens = undefined;
      if ((scope === 'all' || scope === 'client') && !registered) memory.client = undefined;
    },
  };
}

/** `fetch` that writes down what was asked. */
function tracingFetch(trace: string[], misses: readonly RegExp[]): typeof fetch {
  return async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    if (misses.some((path) => path.test(pathname))) return new Response(null, { status: 404 });
    const response = await fetch(input, init);
    const grantType = init?.body instanceof URLSearchParams ? init.body.get('grant_type') : undefined;
    trace.push([init?.method ?? 'GET', pathname, grantType, response.status].filter(Boolean).join(' '));
    return response;
  };
}

/** What the browser brought back; refuses an answer to somebody else's request, and an error. */
function readCallback({ searchParams }: URL, state: string): URLSearchParams {
  if (searchParams.get('state') !== state) throw new Error(`an answer to another request: ${searchParams}`);
  if (!searchParams.has('code')) throw new Error(`no code: ${searchParams}`);
  return searchParams;
}

function textOf(result: object): string {
  return (result as { content: readonly { text: string }[] }).content.map(({ text }) => text).join('\n');
}
