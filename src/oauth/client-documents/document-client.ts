import type { AdapterPayload, Client, KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

import type { DocumentGate } from '../../domain/admission/index.ts';
import {
  type ClientDocument,
  changesBetween,
  type DocumentChange,
  DocumentInvalid,
  type Documents,
  isDocumentUrl,
  type Client as RegisteredClient,
  type Snapshot,
  snapshotOf,
  versionOf,
} from '../../domain/clients/index.ts';
import { consentedSnapshot } from '../../domain/grants/index.ts';
import type { Database } from '../../platform/database/index.ts';
import { FetchRefused } from '../../platform/fetch/index.ts';
import { originOf } from '../../platform/http/index.ts';
import { Throttled } from '../../platform/throttle/index.ts';
import { aside } from '../endpoints/turns.ts';
import { noteRefusal } from '../refusals/refusal.ts';

export interface DocumentClientDeps {
  /** Asked before anything is fetched, and at every use. */
  readonly gate: DocumentGate;
  readonly metadataDocuments: Documents;
}

/** The member of the library's client under which its document travels along. */
export const DOCUMENT_MEMBER = 'metadata_document';

/** The metadata document that this client was made of; `undefined` for a client that was registered here. */
export function documentOf(client: Client): ClientDocument | undefined {
  return client[DOCUMENT_MEMBER] as ClientDocument | undefined;
}

/** Why a lookup of the request in hand failed: the library looks again when it answers the error. */
const failedBy = new WeakMap<object, unknown>();

/**
 * The client of a metadata document, as the library wants it.
 *
 * @throws InvalidClient; outside it is one answer for every document that cannot be had or used, and inside its detail says why.
 */
export async function findDocumentClient(
  { gate, metadataDocuments }: DocumentClientDeps,
  ctx: KoaContextWithOIDC | undefined,
  url: string,
): Promise<AdapterPayload> {
  if (!isDocumentUrl(url)) {
    throw new errors.InvalidClient(
      'client_id is not spelled as a metadata document has it',
      'client_document_url',
    );
  }
  const verdict = await gate(url);
  if (!verdict.allowed) throw new errors.InvalidClient('client is invalid', verdict.reason);
  if (ctx && failedBy.has(ctx)) throw failedBy.get(ctx);
  try {
    const document = await aside(ctx, () => metadataDocuments.resolve(url, ctx && originOf(ctx).network));
    return documentPayload(document, verdict.redirectUris);
  } catch (error) {
    const failure = failureOf(ctx, url, error);
    if (ctx) failedBy.set(ctx, failure);
    throw failure;
  }
}

function failureOf(ctx: KoaContextWithOIDC | undefined, url: string, error: unknown): unknown {
  if (error instanceof Throttled) return slowDown(ctx, url, error);
  if (!(error instanceof FetchRefused || error instanceof DocumentInvalid)) return error;
  const why = `cannot be used: ${error.detail}`;
  return new errors.InvalidClient('the metadata document could not be read or is not valid', why);
}

function slowDown(ctx: KoaContextWithOIDC | undefined, client: string, { retryAfter }: Throttled): Error {
  if (ctx) {
    noteRefusal(ctx, { event: 'request.throttled', outcome: 'refused', reason: 'client_documents', client });
    ctx.set('Retry-After', String(retryAfter));
  }
  const description = 'too many programs were looked up that are not known here yet';
  return Object.assign(new errors.SlowDown(description), { status: 429, statusCode: 429 });
}

/** A document as the library wants a client; `added` are redirect URIs that it does not have and may use all the same. */
function documentPayload(document: ClientDocument, added: readonly string[] = []): AdapterPayload {
  const { metadata } = document;
  return {
    ...metadata,
    redirect_uris: [...new Set([...metadata.redirect_uris, ...added])],
    [DOCUMENT_MEMBER]: document,
  } as unknown as AdapterPayload;
}

/**
 * What the client is at the moment, as far as a consent rests on it: as its metadata document or its dynamic
 * registration, which the client itself may change, has it. `undefined` for one that an administrator registered.
 */
function presentSnapshot(client: Client, known: RegisteredClient | undefined): Snapshot | undefined {
  const document = documentOf(client);
  if (document) return document.metadata;
  return known?.registration === 'dynamic' ? snapshotOf(known) : undefined;
}

/** The version of that; what is decided about a client is decided about one version of it. */
export function clientVersionOf(client: Client, known: RegisteredClient | undefined): string | undefined {
  const snapshot = presentSnapshot(client, known);
  return snapshot && versionOf(snapshot);
}

/** What is not as it was when this person, or else anybody, last allowed the client something. */
export async function changesSinceConsent(
  { pool }: Pick<Database, 'pool'>,
  client: Client,
  { known, userId }: { readonly known: RegisteredClient | undefined; readonly userId: string },
): Promise<readonly DocumentChange[]> {
  const now = presentSnapshot(client, known);
  const before = now && (await consentedSnapshot(pool, { userId, clientId: client.clientId }));
  return before ? changesBetween(snapshotOf(before), now) : [];
}
