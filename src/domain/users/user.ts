import type { Cause } from '../../kernel/cause.ts';
import { AlreadyExists } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { recordAudit } from '../audit/index.ts';
import { FieldRefused } from '../credentials/index.ts';
import { addMembership } from '../tenants/index.ts';

import { type Db, isTaken } from './store.ts';

/** A person. */
export interface User {
  readonly id: string;
  /** In lower case; the sign-in name, never an identity to link by. */
  readonly email: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly disabledAt: Date | undefined;
}

const MAX_EMAIL_LENGTH = 254;
const MAX_NAME_LENGTH = 120;

/** The form in which an e-mail address is stored and looked up. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFC').toLowerCase();
}

/**
 * A normalized address that looks deliverable. Whether it is, only a message can tell.
 *
 * @throws FieldRefused
 */
export function validEmail(email: string): string {
  const address = normalizeEmail(email);
  if (address.length > MAX_EMAIL_LENGTH || !/^[^\s@\p{C}]+@[^\s@\p{C}]+$/u.test(address)) {
    throw new FieldRefused('email', 'that is not an e-mail address');
  }
  return address;
}

/** @throws FieldRefused */
export function validName(name: string): string {
  const given = name.trim();
  if (given === '' || given.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(given)) {
    throw new FieldRefused('name', `a name has 1 to ${MAX_NAME_LENGTH} characters`);
  }
  return given;
}

/**
 * Stores a person with their roles; the credentials are the caller's, in the same transaction.
 *
 * @throws AlreadyExists when the address is taken.
 */
export async function insertUser(
  tx: Db,
  user: {
    readonly id?: string;
    readonly email: string;
    readonly name: string;
    readonly tenantId: string;
    readonly roles: readonly string[];
  },
  cause: Cause,
): Promise<string> {
  const { id = newId('usr'), email, name, tenantId, roles } = user;
  try {
    await tx.user.create({ data: { id, email, name } });
  } catch (error) {
    if (isTaken(error)) throw new AlreadyExists(`there is a user ${email} already`);
    throw error;
  }
  for (const role of roles) await addMembership(tx, { tenantId, userId: id, role });
  await recordAudit(
    tx,
    { event: 'user.added', outcome: 'success', tenant: tenantId, subject: id, detail: { roles: [...roles] } },
    cause,
  );
  return id;
}
