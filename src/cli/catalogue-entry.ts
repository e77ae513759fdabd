import { type CatalogueEntry, documentsOf } from '../domain/admission/index.ts';

/** An entry of the catalogue as JSON. */
export function describeEntry(entry: CatalogueEntry) {
  const { name, title, maker, by } = entry;
  const documents = documentsOf(entry);
  return {
    name,
    title,
    maker,
    by: by.replace(' ', '_'),
    ...(documents.length > 0 ? { documents } : {}),
    // Of a client with a document those that it does not have.
    ...(entry.by !== 'dynamic registration' && entry.redirectUris
      ? { redirect_uris: entry.redirectUris }
      : {}),
  };
}
