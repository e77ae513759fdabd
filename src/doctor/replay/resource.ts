import { describe, jsonOf, listed, plain, told } from '../answers.ts';
import { challengeOf } from '../checks/protected-resource.ts';
import { resourceMetadataUrls } from '../discovery.ts';
import { ACCEPT_JSON } from '../examination.ts';
import { isReply } from '../probe.ts';
import type { ResourceHabit } from '../shape.ts';

import { type Play, stepsOf } from './step.ts';

const { ok, problem } = stepsOf('resource');

/** From what a person types to the authorization server, as this client goes (RFC 9728 §5). */
export const playResource: Play = async (replay) => {
  const { shape, examination } = replay;
  const { resource } = examination;
  if (resource === undefined) return [ok('begins at the authorization server'), replay];
  const { answer, bearer } = await challengeOf(examination, resource);
  if (!isReply(answer) || answer.status !== 401) {
    return [
      problem(
        `is not asked to sign in: ${resource} answers ${describe(answer)}`,
        'Let the MCP server answer 401 without a token.',
      ),
      replay,
    ];
  }
  const pointed = bearer?.metadata;
  if (shape.resource.needsChallenge && !bearer)
    return [
      problem('stops at a 401 without WWW-Authenticate', 'Let the MCP server send the challenge.'),
      replay,
    ];
  const urls = pointed === undefined ? resourceMetadataUrls(resource) : [pointed];
  const tried: string[] = [];
  for (const url of urls) {
    const document = await examination.ask(url, { headers: ACCEPT_JSON });
    const metadata = jsonOf(document);
    if (!isReply(document) || document.status !== 200 || !metadata) {
      tried.push(`${new URL(url).pathname}: ${describe(document)}`);
      continue;
    }
    const stated = told(metadata, 'resource') ?? '';
    if (!fits(shape.resource, stated, resource)) {
      return [
        problem(
          `stops, because ${resource} calls itself ${plain(stated) || 'nothing'} in its metadata`,
          `Let its metadata say "resource": "${resource}".`,
        ),
        replay,
      ];
    }
    const [asked] = listed(metadata, 'authorization_servers');
    if (asked === undefined) {
      return [
        problem(
          'is told of no authorization server',
          `Let the metadata of the MCP server say "authorization_servers": ["${examination.base}"].`,
        ),
        replay,
      ];
    }
    const scope = bearer?.scope ?? (listed(metadata, 'scopes_supported').join(' ') || undefined);
    return [
      ok(`is sent on from ${resource}`),
      { ...replay, asked: plain(asked), protectedResource: { resource: stated, scope } },
    ];
  }
  return [
    problem(
      `finds no metadata of ${resource} (${tried.join('; ')})`,
      'Serve them; @gatehouse-mcp/verifier has a handler for it.',
    ),
    replay,
  ];
};

function fits({ equality }: ResourceHabit, stated: string, typed: string): boolean {
  const [one, other] = [URL.parse(stated), URL.parse(typed)];
  switch (equality) {
    case 'not_compared':
      return true;
    case 'same_text':
      return stated === typed;
    case 'same_url':
      return one !== null && one.href === other?.href;
    case 'same_origin_and_path_below': {
      if (!one || one.origin !== other?.origin) return false;
      const below = (path: string) => (path.endsWith('/') ? path : `${path}/`);
      return below(other.pathname).startsWith(below(one.pathname));
    }
  }
}
