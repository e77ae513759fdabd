import { enableCatalogued } from '../../src/domain/admission/index.ts';
import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import { addTestClient, cause, type TestServer } from '../support/server.ts';

import type { Program } from './client-program.ts';

/** Lets a program in as its guide says. Returns its client_id; `undefined` for one that is let in by its metadata document. */
export async function letIn(server: TestServer, { catalogued }: Program): Promise<string | undefined> {
  if (catalogued !== undefined) {
    return (await enableCatalogued(server.database.prisma, catalogued, { tenantId: DEFAULT_TENANT }, cause))
      .clientId;
  }
  return (await addTestClient(server, { redirectUris: ['http://127.0.0.1/callback'], trust: 'known' }))
    .clientId;
}
