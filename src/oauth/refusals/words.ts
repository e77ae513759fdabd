import { looksLikeDocumentUrl } from '../../domain/clients/index.ts';
import type { ErrorWords } from '../../platform/http/index.ts';

const NOT_KNOWN: ErrorWords = {
  title: 'This program is not known here',
  explanation:
    'The program that sent you here identified itself with an ID that this server does not know, or no longer accepts.',
  advice:
    'Nothing is wrong with your account. Make the program forget the ID that it has saved, and connect again. If it keeps happening, ask whoever runs this server to register the program.',
};

const NOT_LET_IN: ErrorWords = {
  title: 'This program is not let in here',
  explanation:
    'Whoever runs this server decides which programs may connect, and this one is not among them. Nothing was asked of it, and nothing was granted to it.',
  advice: 'If you need it, ask whoever runs this server, and tell them its address.',
};

const NOT_SENT_ON: ErrorWords = {
  title: 'We will not send you on from here',
  explanation:
    'The request asked us to send you to an address that is not registered for this program. That can be a mistake, or somebody trying to take over your connection.',
  advice:
    'Close this page. If you started this yourself, tell whoever runs this server, or the makers of the program, what it says here.',
};

/** What a person reads when a client sent them here with a request that cannot be answered to the client: by reason. */
const BY_REASON: Readonly<Record<string, ErrorWords>> = {
  interaction_ended: {
    title: 'This authorization has ended',
    explanation: 'It was answered already, took too long, or was started in another browser.',
    advice: 'If the program has connected, close this page. If not, go back to it and start again.',
  },
  unknown_client: NOT_KNOWN,
  client_removed: NOT_KNOWN,
  redirect_uri: NOT_SENT_ON,
  resource_unknown: {
    title: 'This server is not known here',
    explanation:
      'The program wants to use a server that is not registered here, or not any more, or is not for you.',
    advice: 'Check the address of the server in the program, or ask whoever runs it.',
  },
  client_blocked: {
    title: 'This program is blocked here',
    explanation:
      'Whoever runs this server does not let this program connect to anything. Nothing was granted.',
    advice: 'If you need it, ask whoever runs this server.',
  },
  client_not_allowed: NOT_LET_IN,
  client_documents_off: NOT_LET_IN,
  client_awaits_review: {
    title: 'This program is not let in yet',
    explanation:
      'Whoever runs this server decides which programs may connect, and has not looked at this one. Nothing was asked of it, and nothing was granted to it.',
    advice: 'If you need it, ask for it, and whoever runs this server will decide.',
  },
  client_document: {
    title: 'This program could not be identified',
    explanation:
      'It says who it is in a document at a web address, and that document could not be read or is not valid.',
    advice: 'Try again in a minute. If it keeps happening, tell the makers of the program what it says here.',
  },
  client_document_url: {
    title: 'This program could not be identified',
    explanation:
      'It says who it is by a web address that is not written in the one form in which such an address counts.',
    advice: 'Tell the makers of the program what it says here.',
  },
};

/** Added for a document that could not be fetched by a server on the reader's own computer. */
const WITHOUT_INTERNET =
  'If this computer has no internet connection, start this server with GATEHOUSE_METADATA_DOCUMENTS=off and connect again: the program then registers itself.';

/** The same by error code. */
const BY_ERROR: Readonly<Record<string, ErrorWords>> = {
  invalid_client: NOT_KNOWN,
  invalid_redirect_uri: NOT_SENT_ON,
  slow_down: {
    title: 'Not now',
    explanation:
      'Many programs that are not known here yet were looked up in a short time, so this one was not.',
    advice: 'Wait a minute, go back to the program and start again.',
  },
};

const OTHERWISE: ErrorWords = {
  title: 'This request cannot be answered',
  explanation: 'The program that sent you here made a request that is not valid.',
  advice:
    'Go back to that program and start again. If it keeps happening, tell its makers what it says here.',
};

/** Whether what was sent as client ID is the address of a metadata document, or is meant to be. */
export function namedByAddress(client: unknown): client is string {
  return typeof client === 'string' && looksLikeDocumentUrl(client);
}

/** The sentences of the page on which an authorization ends that cannot be answered to the client. */
export function wordsOf(
  reason: string,
  {
    error,
    client,
    onLoopback = false,
  }: { readonly error?: string; readonly client?: unknown; readonly onLoopback?: boolean } = {},
): ErrorWords {
  if (reason === 'client_removed' && namedByAddress(client)) return NOT_LET_IN;
  const words = BY_REASON[reason];
  if (reason === 'client_document' && words && onLoopback)
    return { ...words, advice: `${words.advice} ${WITHOUT_INTERNET}` };
  return words ?? (error === undefined ? undefined : BY_ERROR[error]) ?? OTHERWISE;
}
