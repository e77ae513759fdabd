import type { ClientShape } from '../shape.ts';

import { registers, SDK_V1, SDK_V2 } from './habits.ts';

const CALLBACK = 'http://localhost:8090/callback';

/** Whatever is built with them has a name and redirects of its own; these stand for it. */
export const APP_WITH_SDK_V1: ClientShape = {
  ...SDK_V1,
  id: 'sdk-v1',
  name: 'TypeScript SDK',
  version: '1.32.2',
  catalogued: false,
  registration: [
    registers('An application with the TypeScript SDK 1.x', [CALLBACK], {
      token_endpoint_auth_method: 'client_secret_post',
    }),
  ],
  redirectUri: CALLBACK,
  seen: '@modelcontextprotocol/sdk, its source',
};

export const APP_WITH_SDK_V2: ClientShape = {
  ...SDK_V2,
  id: 'sdk-v2',
  name: 'TypeScript SDK',
  version: '2.4.0',
  catalogued: false,
  registration: [
    registers('An application with the TypeScript SDK 2.x', [CALLBACK], { application_type: 'native' }),
  ],
  redirectUri: CALLBACK,
  seen: '@modelcontextprotocol/client, its source',
};
