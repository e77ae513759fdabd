/** A person's session in one browser: the authority for `auth_time`, `acr` and `amr`. */
export interface Session {
  readonly id: string;
  readonly user: { readonly id: string; readonly email: string; readonly name: string };
  readonly passkeyId: string | undefined;
  /** When the person last proved who they are, here. */
  readonly authTime: Date;
  /** Seconds since then, when the session was read, by the store's clock: no other clock compares with `authTime`. */
  readonly authAge: number;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly userAgent: string | undefined;
  readonly network: string | undefined;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

/** Columns of `sessions s` joined with `users u`, as `SessionRow` names them. */
export interface SessionRow {
  readonly id: string;
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly passkeyId: string | null;
  readonly authTime: Date;
  readonly authAge: number;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly userAgent: string | null;
  readonly network: string | null;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

export function toSession({
  userId,
  email,
  name,
  passkeyId,
  userAgent,
  network,
  ...row
}: SessionRow): Session {
  return {
    id: row.id,
    user: { id: userId, email, name },
    passkeyId: passkeyId ?? undefined,
    authTime: row.authTime,
    authAge: row.authAge,
    acr: row.acr,
    amr: row.amr,
    userAgent: userAgent ?? undefined,
    network: network ?? undefined,
    createdAt: row.createdAt,
    lastSeenAt: row.lastSeenAt,
    expiresAt: row.expiresAt,
  };
}
