import { NotFound } from '../../kernel/errors.ts';

/** Who has secrets, by its id: `cli_…` or `res_…`. */
export interface SecretHolder {
  readonly kind: 'client' | 'resource';
  readonly id: string;
}

/** Where they are kept. Both tables have the same columns for it. */
export const TABLES = { client: 'clients', resource: 'resources' } as const;

export function unknownHolder({ kind, id }: SecretHolder): NotFound {
  return new NotFound(`No ${kind} ${id} is registered.`);
}
