import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';

import { type CborValue, encodeCbor } from './cbor.ts';

/** What a broken or hostile authenticator says instead of the truth. */
export interface Lie {
  readonly challenge?: string;
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  readonly userPresent?: boolean;
  readonly userVerified?: boolean;
  readonly counter?: number;
  /** COSE algorithm that a new key claims to be for. */
  readonly algorithm?: number;
  /** base64url */
  readonly userHandle?: string | undefined;
  /** Another credential's id over our own signature. */
  readonly credentialId?: string;
  /** Leaves the signature as it is and changes what was signed. */
  readonly tamper?: boolean;
}

/** A passkey provider without a browser: real keys, real CBOR, real ES256 signatures. */
export interface Authenticator {
  /** Answers `navigator.credentials.create()`; the new passkey replaces the one before. */
  register(options: PublicKeyCredentialCreationOptionsJSON, lie?: Lie): RegistrationResponseJSON;
  /** Answers `navigator.credentials.get()` with the passkey that was made last. */
  authenticate(options: PublicKeyCredentialRequestOptionsJSON, lie?: Lie): AuthenticationResponseJSON;
  /** base64url, of the passkey that was made last. */
  readonly credentialId: string;
}

interface Passkey {
  readonly id: Buffer;
  readonly rpId: string;
  readonly userHandle: string;
  readonly privateKey: KeyObject;
}

const FLAG = { userPresent: 0x01, userVerified: 0x04, attested: 0x40 } as const;
const ES256 = -7;
const AAGUID = Buffer.alloc(16);

/**
 * @param origin where the pages live, for example `http://localhost:4000`.
 * @param counts whether it has a signature counter, as security keys do and synced passkeys do not.
 */
export function createAuthenticator({
  origin,
  counts = true,
}: {
  origin: string;
  counts?: boolean;
}): Authenticator {
  let passkey: Passkey | undefined;
  let counter = 0;

  const clientData = (type: string, challenge: string, lie: Lie) =>
    Buffer.from(
      JSON.stringify({
        type: lie.type ?? type,
        challenge: lie.challenge ?? challenge,
        origin: lie.origin ?? origin,
        crossOrigin: false,
      }),
    );

  const authenticatorData = (rpId: string, lie: Lie, attested: Buffer = Buffer.alloc(0)) => {
    const flags =
      (lie.userPresent === false ? 0 : FLAG.userPresent) |
      (lie.userVerified === false ? 0 : FLAG.userVerified) |
      (attested.length > 0 ? FLAG.attested : 0);
    const head = Buffer.alloc(5);
    head.writeUInt8(flags);
    head.writeUInt32BE(lie.counter ?? (counts ? ++counter : 0), 1);
    return Buffer.concat([sha256(lie.rpId ?? rpId), head, attested]);
  };

  return {
    register(options, lie = {}) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const rpId = options.rp.id ?? new URL(origin).hostname;
      const id = randomBytes(32);
      passkey = { id, rpId, userHandle: options.user.id, privateKey };

      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const attested = Buffer.concat([AAGUID, length, id, coseKey(publicKey, lie.algorithm ?? ES256)]);
      const attestationObject = encodeCbor(
        new Map<CborValue, CborValue>([
          ['fmt', 'none'],
          ['attStmt', new Map()],
          ['authData', authenticatorData(rpId, lie, attested)],
        ]),
      );
      return {
        id: id.toString('base64url'),
        rawId: id.toString('base64url'),
        type: 'public-key',
        clientExtensionResults: { credProps: { rk: true } },
        authenticatorAttachment: 'platform',
        response: {
          clientDataJSON: clientData('webauthn.create', options.challenge, lie).toString('base64url'),
          attestationObject: attestationObject.toString('base64url'),
          transports: ['internal'],
        },
      };
    },

    authenticate(options, lie = {}) {
      if (!passkey) throw new Error('this authenticator has no passkey yet');
      const clientDataJSON = clientData('webauthn.get', options.challenge, lie);
      const data = authenticatorData(options.rpId ?? passkey.rpId, lie);
      const signature = sign('sha256', Buffer.concat([data, sha256(clientDataJSON)]), passkey.privateKey);
      if (lie.tamper) data.writeUInt32BE(data.readUInt32BE(33) + 1, 33);
      const id = lie.credentialId ?? passkey.id.toString('base64url');
      const userHandle = 'userHandle' in lie ? lie.userHandle : passkey.userHandle;
      return {
        id,
        rawId: id,
        type: 'public-key',
        clientExtensionResults: {},
        authenticatorAttachment: 'platform',
        response: {
          clientDataJSON: clientDataJSON.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: signature.toString('base64url'),
          ...(userHandle === undefined ? {} : { userHandle }),
        },
      };
    },

    get credentialId() {
      return passkey?.id.toString('base64url') ?? '';
    },
  };
}

/** A public key on P-256 as COSE_Key (RFC 9053 §7.1). */
function coseKey(publicKey: KeyObject, algorithm: number): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return encodeCbor(
    new Map<CborValue, CborValue>([
      [1, 2],
      [3, algorithm],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ]),
  );
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}
