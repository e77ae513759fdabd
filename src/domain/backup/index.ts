/**
 * Backup: an installation as one stream, and an installation from it.
 *
 *     tables ──one snapshot──▶ header, rows, seal ──gzip──▶ writeBackup
 *                                                              │
 *     restoreBackup ◀──header fits? database empty?────────────┘
 *          │  migrate as far as the backup, write the rows, check the seal, migrate on
 *          └──▶ endAllAccess: whatever was granted is dead
 *
 * Nobody can know what was revoked between a backup and its restoration, so nothing that was granted before
 * survives it: grants, sessions, remembered consent, signing keys. People, their passkeys, clients, servers
 * and the trail stay. `revokeAllGrants` does the same for stores that other tools have put back.
 *
 * What is secret stays hashed or sealed, as it is in the tables; the seal of the stream is made with the
 * master key too, so that a backup that somebody altered is refused like one that is torn.
 *
 * Does not own: how rows are read and written (`platform/database/snapshot`), or files (`cli`).
 */

export { type EndedAccess, revokeAllGrants } from './end-all-access.ts';
export { type RestoreSummary, restoreBackup } from './restore.ts';
export { type BackupSummary, writeBackup } from './write.ts';
