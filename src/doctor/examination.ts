import { type Json, jsonOf } from './answers.ts';
import { discoveryUrl, SERVED } from './discovery.ts';
import type { Finding } from './finding.ts';
import { type Answer, type Ask, isReply, type Probe } from './probe.ts';
import type { Form } from './shape.ts';
import type { StoreFacts } from './store.ts';

/** A server on the table: what was asked for, how to ask more, and what is known so far. */
export interface Examination {
  /** As it was given. */
  readonly issuer: string;
  /** Without a slash at the end. */
  readonly base: string;
  /** An MCP server that it protects. */
  readonly resource: string | undefined;
  readonly store: StoreFacts | undefined;
  /** Of its host, as this machine resolves it. */
  readonly addresses: readonly string[];
  /** Asks once: the same GET is answered from what came back the first time. */
  readonly ask: Probe['ask'];
  /** What answers at each address of the metadata. */
  readonly documents: readonly { readonly form: Form; readonly url: string; readonly answer: Answer }[];
  /** The first of them that can be read. */
  readonly metadata: Json | undefined;
}

/** One look at an examination. */
export type Check = (examination: Examination) => Promise<readonly Finding[]>;

/** Asks for the metadata, which everything else hangs on. */
export async function beginExamination(
  probe: Probe,
  given: Pick<Examination, 'issuer' | 'resource' | 'store' | 'addresses'>,
): Promise<Examination> {
  const { issuer } = given;
  const ask = askOnce(probe);
  const documents = await Promise.all(
    SERVED.flatMap((form) => {
      const url = discoveryUrl(issuer, form);
      return url === undefined
        ? []
        : [ask(url, { headers: ACCEPT_JSON }).then((answer) => ({ form, url, answer }))];
    }),
  );
  const readable = documents.find(({ answer }) => isReply(answer) && answer.status === 200 && jsonOf(answer));
  return {
    ...given,
    base: issuer.replace(/(?<!\/)\/+$/, ''),
    ask,
    documents,
    metadata: readable && jsonOf(readable.answer),
  };
}

export const ACCEPT_JSON = { accept: 'application/json' };

function askOnce(probe: Probe): Probe['ask'] {
  const answers = new Map<string, Promise<Answer>>();
  return (url: string, ask: Ask = {}) => {
    if (ask.method !== undefined && ask.method !== 'GET') return probe.ask(url, ask);
    const key = JSON.stringify([url, ask.headers ?? {}]);
    const answer = answers.get(key) ?? probe.ask(url, ask);
    answers.set(key, answer);
    return answer;
  };
}

/** Where an endpoint is: as the metadata say, or else where clients of the first revision assume it. */
export function endpointOf({ metadata, base }: Examination, name: string): string {
  const announced = metadata?.[name];
  return typeof announced === 'string' ? announced : `${base}${ASSUMED[name] ?? ''}`;
}

const ASSUMED: Readonly<Record<string, string>> = {
  authorization_endpoint: '/authorize',
  token_endpoint: '/token',
  registration_endpoint: '/register',
  revocation_endpoint: '/revoke',
  introspection_endpoint: '/introspect',
  jwks_uri: '/jwks',
};
