/** A request body as JSON, or the status to refuse it with. */
export type JsonBody =
  | { readonly kind: 'json'; readonly value: unknown; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'refused'; readonly status: 400 | 413 | 415 };

interface Source {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly contentLength: string | undefined;
  readonly contentEncoding: string | undefined;
}

/**
 * Reads a body of at most `limit` bytes as JSON.
 *
 * Whatever its content type says, a body that is not JSON is refused: what is let through unread
 * could be read differently by the server behind.
 */
export async function readJson(source: Source, limit: number): Promise<JsonBody> {
  if ((source.contentEncoding ?? 'identity') !== 'identity') return { kind: 'refused', status: 415 };
  if (Number(source.contentLength ?? 0) > limit) return { kind: 'refused', status: 413 };
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source.chunks) {
    size += chunk.byteLength;
    if (size > limit) return { kind: 'refused', status: 413 };
    chunks.push(chunk);
  }
  return parseJson(concat(chunks, size));
}

/** Parses bytes that were read already. */
export function parseJson(bytes: Uint8Array<ArrayBuffer>): JsonBody {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return { kind: 'json', value, bytes };
  } catch {
    return { kind: 'refused', status: 400 };
  }
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
