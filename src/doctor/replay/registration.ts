import { listed, told } from '../answers.ts';
import type { Registration } from '../shape.ts';

import { registerForAWhile, sendToBeRefused } from './registering.ts';
import { letInCommand, refusalRemedy } from './remedies.ts';
import { type Play, type Replay, stepsOf } from './step.ts';

const { ok, problem } = stepsOf('registration');

/** A segment of a client's document, with the names that it does not stand for. */
const WILDCARD = /\*(?:![\w.~-]+)*/;

/** How this client becomes known to the server: registered beforehand, by its document, or by registering itself. */
export const playRegistration: Play = async (replay) => {
  const { shape, metadata, options, examination } = replay;
  const known = examination.store?.registered.get(shape.id);
  if (known !== undefined) return [ok(`is registered here as ${known}`), { ...replay, clientId: known }];
  const open = shape.registration.filter((candidate) => isOpen(candidate, replay));
  const way = open.find((candidate) => partOf(options.document, candidate) !== undefined) ?? open[0];
  if (!way) {
    const documents = shape.registration.some(({ kind }) => kind === 'document');
    const off = metadata?.['client_id_metadata_document_supported'] !== true;
    const why =
      documents && !off
        ? 'the server does not take what its document says'
        : 'the server offers no way for it';
    return [problem(`cannot become known: ${why}`, letInCommand(replay)), replay];
  }
  if (way.kind === 'document') return byDocument(replay, way);
  const after = { ...replay, registration: way };
  return options.register
    ? registerForAWhile(after, way.body)
    : [await sendToBeRefused(after, way.body), after];
};

function isOpen(way: Registration, { metadata }: Replay): boolean {
  if (way.kind === 'dynamic') return told(metadata, 'registration_endpoint') !== undefined;
  if (metadata?.['client_id_metadata_document_supported'] !== true) return false;
  if (way.needsIss && metadata['authorization_response_iss_parameter_supported'] !== true) return false;
  return !way.needsNone || listed(metadata, 'token_endpoint_auth_methods_supported').includes('none');
}

type ByDocument = Extract<Registration, { kind: 'document' }>;

async function byDocument(replay: Replay, way: ByDocument): ReturnType<Play> {
  const { examination } = replay;
  const named = identify(replay, way);
  const after = { ...replay, registration: way, ...named };
  const url = named.clientId ?? way.url.replace(WILDCARD, 'gatehouse-doctor');
  const admitted = await examination.store?.admits(url);
  if (admitted && !admitted.allowed) {
    const says = `is named by ${url}, which is not let in (${admitted.reason})`;
    return [problem(says, refusalRemedy(after, admitted.reason)), after];
  }
  return [ok(`is named by its document ${named.clientId ?? way.url}`), after];
}

/** The client_id and the redirect; of a client with a document for each connection, those of the given one. */
function identify(
  { options, redirectUri: usual }: Replay,
  way: ByDocument,
): Pick<Replay, 'redirectUri'> & { readonly clientId?: string } {
  const redirectUri = way.redirectUri ?? usual;
  if (!WILDCARD.test(way.url)) return { clientId: way.url, redirectUri };
  const part = partOf(options.document, way);
  if (part === undefined) return { redirectUri };
  return { clientId: way.url.replace(WILDCARD, part), redirectUri: redirectUri.replace('*', part) };
}

/** What the wildcard of a client's document stands for in the given one; `undefined` when it is none of these. */
function partOf(given: string | undefined, way: Registration): string | undefined {
  const wildcard = way.kind === 'document' && WILDCARD.exec(way.url);
  if (given === undefined || !wildcard) return undefined;
  const { 0: segment, index, input } = wildcard;
  const [before, after] = [input.slice(0, index), input.slice(index + segment.length)];
  if (!given.startsWith(before) || !given.endsWith(after)) return undefined;
  const part = given.slice(before.length, given.length - after.length);
  const excluded = segment.split('!').slice(1);
  return /^[^/?#]+$/.test(part) && !excluded.includes(part) ? part : undefined;
}
