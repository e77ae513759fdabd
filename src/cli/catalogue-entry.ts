import type { CatalogueEntry } from '../domain/admission/index.ts';

/** An entry of the catalogue as JSON. */
export function describeEntry(entry: CatalogueEntry) {
  const { name, title, maker, by } = entry;
  return {
    name,
    title,
    maker,
    by: by.replace(' ', '_'),
    ...(entry.by === 'document' ? { documents: entry.documents } : {}),
    // Of a client with a document those that it does not have.
    ...(entry.by !== 'dynamic registration' && entry.redirectUris
      ? { redirect_uris: entry.redirectUris }
      : {}),
  };
}
