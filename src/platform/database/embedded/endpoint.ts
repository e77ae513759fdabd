/** Where a PostgreSQL listens: a socket directory (an absolute path) or a loopback address, and its port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Only where there are no unix sockets: everybody on the machine can reach a loopback port. */
  readonly password?: string;
}

/** Who connects to which database. */
export interface Login {
  readonly user: string;
  readonly database: string;
}

/** The superuser. It makes the role and the database below, and guards the data directory; requests never use it. */
export const ADMINISTRATION: Login = { user: 'postgres', database: 'postgres' };

/** What Gatehouse itself connects as: owner of its one database and nothing more. */
export const APPLICATION: Login = { user: 'gatehouse', database: 'gatehouse' };

/** The endpoint as a connection URL, in the form that libpq and `pg` both read. */
export function connectionUrl(endpoint: Endpoint, login: Login): string {
  const password = endpoint.password === undefined ? '' : `:${encodeURIComponent(endpoint.password)}`;
  const host = encodeURIComponent(endpoint.host);
  return `postgresql://${login.user}${password}@/${login.database}?host=${host}&port=${endpoint.port}`;
}
