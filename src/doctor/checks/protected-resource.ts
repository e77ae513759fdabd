import { GATEHOUSE } from '../../kernel/command-line.ts';
import { describe, header, jsonOf, listed, plain, told } from '../answers.ts';
import { resourceMetadataUrls } from '../discovery.ts';
import { ACCEPT_JSON, type Check, type Examination } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { type Answer, isReply } from '../probe.ts';

import { allows, PAGE } from './cors.ts';

const { ok, problem, warning } = findingsOf('resource');

/** The first request of every client: JSON-RPC without a token. */
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'gatehouse-doctor', version: '1' },
  },
});

/** What an MCP server says to somebody without a token. */
export interface Challenge {
  readonly answer: Answer;
  /** Of the first challenge with the scheme Bearer (RFC 9728 §5.1); absent members were not said. */
  readonly bearer: { readonly metadata?: string; readonly scope?: string } | undefined;
}

/** Asks as a client does that has no token yet. A session that is opened all the same is closed again. */
export async function challengeOf({ ask }: Examination, resource: string): Promise<Challenge> {
  const answer = await ask(resource, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-11-25',
      origin: PAGE,
    },
    body: INITIALIZE,
  });
  const session = header(answer, 'mcp-session-id');
  if (session !== undefined)
    await ask(resource, { method: 'DELETE', headers: { 'mcp-session-id': session } });
  const stated = header(answer, 'www-authenticate') ?? '';
  const parameter = (name: string) =>
    new RegExp(`(?:^|[\\s,])${name}=(?:"([^"]*)"|([^\\s,"]+))`, 'i').exec(stated);
  const [metadata, scope] = ['resource_metadata', 'scope'].map((name) => {
    const match = parameter(name);
    return match ? (match[1] ?? match[2]) : undefined;
  });
  return {
    answer,
    bearer: /^bearer\b/i.test(stated)
      ? { ...(metadata === undefined ? {} : { metadata }), ...(scope === undefined ? {} : { scope }) }
      : undefined,
  };
}

/** RFC 9728: that an MCP server sends clients here, and says what it is called in one way everywhere. */
export const checkProtectedResource: Check = async (examination) => {
  const { resource, base, ask, store } = examination;
  if (resource === undefined) return [];
  const { answer, bearer } = await challengeOf(examination, resource);
  if (!isReply(answer))
    return [problem(`${resource} does not answer: ${describe(answer)}.`, 'Start it, or correct --resource.')];
  if (answer.status !== 401) {
    return [
      problem(
        `${resource} answers a request without a token with ${describe(answer)}: clients begin to sign in at a 401, and at nothing else.`,
        answer.status < 300
          ? 'It is not protected: let it verify tokens (@gatehouse-mcp/verifier).'
          : 'Correct --resource, or let the proxy before the MCP server pass the request on.',
      ),
    ];
  }
  const found: Finding[] = [];
  if (!bearer) {
    found.push(
      problem(
        `${resource} answers 401 without WWW-Authenticate: Bearer, and some clients then look no further.`,
        `Send WWW-Authenticate: Bearer resource_metadata="${resourceMetadataUrls(resource)[0]}", and let the proxy keep that header.`,
      ),
    );
  } else if (bearer.metadata === undefined) {
    found.push(
      warning(
        `The challenge of ${resource} does not say where its metadata are: clients have to guess.`,
        `Add resource_metadata="${resourceMetadataUrls(resource)[0]}" to it.`,
      ),
    );
  }
  if (bearer?.scope?.split(' ').includes('offline_access'))
    found.push(
      warning('The challenge asks for offline_access, which is not a scope of the MCP server.', NO_OFFLINE),
    );
  if (!allows(header(answer, 'access-control-allow-origin'))) {
    found.push(
      warning(
        `The 401 of ${resource} has no Access-Control-Allow-Origin: a client in a browser cannot read it.`,
        'Send the CORS headers with refusals too.',
      ),
    );
  }
  for (const url of new Set([
    ...(bearer?.metadata ? [bearer.metadata] : []),
    ...resourceMetadataUrls(resource),
  ])) {
    found.push(
      ...judge(url, await ask(url, { headers: ACCEPT_JSON }), {
        resource,
        base,
        guess: url !== bearer?.metadata,
      }),
    );
  }
  if (store && !store.resources.some(({ identifier }) => identifier === resource)) {
    found.push(
      problem(
        `${resource} is not registered here: every authorization for it ends with invalid_target.`,
        `${GATEHOUSE} resource add --identifier ${resource} --name 'My server' --scope 'files:read=Read your files' --default-scope files:read`,
      ),
    );
  }
  return found.length > 0 ? found : [ok(`${resource} sends clients here, under one name everywhere.`)];
};

const NO_OFFLINE = 'Leave it out; clients learn of it from the authorization server.';

function judge(
  url: string,
  answer: Answer,
  { resource, base, guess }: { readonly resource: string; readonly base: string; readonly guess: boolean },
): readonly Finding[] {
  const document = jsonOf(answer);
  if (!isReply(answer) || answer.status !== 200 || !document) {
    const says = `The metadata of the MCP server at ${url} cannot be read: ${describe(answer)}.`;
    const root =
      new URL(url).pathname === '/.well-known/oauth-protected-resource' && new URL(resource).pathname !== '/';
    // At the root they are only for clients that do not know about paths, and another server may live there.
    if (guess && root) return [];
    return [problem(says, 'Serve them there; @gatehouse-mcp/verifier has a handler for it.')];
  }
  const found: Finding[] = [];
  const stated = told(document, 'resource');
  if (stated !== resource) {
    found.push(
      problem(
        `The metadata at ${url} say that the MCP server is ${stated === undefined ? 'nobody' : plain(stated)}, and people type ${resource}: VS Code, Gemini CLI and others stop here.`,
        `Let its metadata say "resource": "${resource}", and register it under that name.`,
      ),
    );
  }
  const [server] = listed(document, 'authorization_servers');
  if (server !== base) {
    found.push(
      problem(
        `The metadata at ${url} name ${server === undefined ? 'no authorization server' : plain(server)}, and not ${base}.`,
        `Let them say "authorization_servers": ["${base}"], byte for byte.`,
      ),
    );
  }
  if (listed(document, 'scopes_supported').includes('offline_access'))
    found.push(
      warning(
        `The metadata at ${url} list offline_access, which is not a scope of the MCP server.`,
        NO_OFFLINE,
      ),
    );
  return found;
}
