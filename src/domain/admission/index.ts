/**
 * Admission: which clients that register themselves are let in, and how far they are trusted.
 *
 * Does not own: fetching a metadata document (`oauth`), the client's registration (`clients`), or what a
 * trust level permits (`authority`).
 */

export type { DocumentGate, DocumentRefusal, DocumentVerdict } from './gate.ts';
