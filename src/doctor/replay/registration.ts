import { listed, told } from '../answers.ts';
import type { Registration } from '../shape.ts';

import { registerForAWhile, sendToBeRefused } from './registering.ts';
import { letInCommand, refusalRemedy } from './remedies.ts';
import { type Play, type Replay, stepsOf } from './step.ts';

const { ok, problem } = stepsOf('registration');

/** How this client becomes known to the server: registered beforehand, by its document, or by registering itself. */
export const playRegistration: Play = async (replay) => {
  const { shape, metadata, options, examination } = replay;
  const known = examination.store?.registered.get(shape.id);
  if (known !== undefined) return [ok(`is registered here as ${known}`), { ...replay, clientId: known }];
  const way = shape.registration.find((candidate) => isOpen(candidate, replay));
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
  return !way.needsNone || listed(metadata, 'token_endpoint_auth_methods_supported').includes('none');
}

async function byDocument(
  replay: Replay,
  way: Extract<Registration, { kind: 'document' }>,
): ReturnType<Play> {
  const { examination } = replay;
  const named = identify(replay, way.url);
  const after = { ...replay, registration: way, ...named };
  const url = named.clientId ?? way.url.replace('*', 'gatehouse-doctor');
  const admitted = await examination.store?.admits(url);
  if (admitted && !admitted.allowed) {
    const says = `is named by ${url}, which is not let in (${admitted.reason})`;
    return [problem(says, refusalRemedy(after, admitted.reason)), after];
  }
  return [ok(`is named by its document ${named.clientId ?? way.url}`), after];
}

/** The client_id and the redirect; of a client with a document for each connection, those of the given one. */
function identify(
  { options, redirectUri }: Replay,
  url: string,
): Pick<Replay, 'redirectUri'> & { readonly clientId?: string } {
  if (!url.includes('*')) return { clientId: url, redirectUri };
  const [before = '', after = ''] = url.split('*');
  const given = options.document ?? '';
  if (!given.startsWith(before) || !given.endsWith(after) || given.length < url.length)
    return { redirectUri };
  const part = given.slice(before.length, given.length - after.length);
  return { clientId: given, redirectUri: redirectUri.replace('*', part) };
}
