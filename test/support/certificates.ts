import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** What TLS needs, PEM. */
export interface Certified {
  readonly key: string;
  readonly cert: string;
}

export interface TestAuthority {
  /** Its own certificate, PEM. */
  readonly ca: string;
  /** A certificate for one host name, good until then, or for a year. */
  certify(hostname: string, until?: Date): Certified;
}

const YEAR = 365 * 86_400_000;

/** A certificate authority that nobody believes, and that tests can be told to believe (RFC 5280, ECDSA with P-256). */
export function createTestAuthority(name = 'Test Authority'): TestAuthority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issue = (subject: string, publicKey: KeyObject, extensions: readonly Buffer[], until = inAYear()) => {
    const tbs = sequence(
      tagged(0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ECDSA_WITH_SHA256,
      nameOf(name),
      sequence(time(new Date(Date.now() - YEAR)), time(until)),
      nameOf(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      tagged(3, sequence(...extensions)),
    );
    const signature = sign('sha256', tbs, own.privateKey);
    return pem(sequence(tbs, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature)));
  };
  const ca = issue(name, own.publicKey, [extension('551d13', der(0x30, Buffer.from('0101ff', 'hex')), true)]);

  return {
    ca,
    certify(hostname, until) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = extension('551d11', sequence(der(0x82, Buffer.from(hostname, 'ascii'))));
      return {
        cert: issue(hostname, publicKey, [names], until),
        key: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({
          type: 'pkcs8',
          format: 'pem',
        }) as string,
      };
    },
  };
}

const inAYear = () => new Date(Date.now() + YEAR);

/** One element of DER (X.690 §8.1). */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size =
    length < 0x80
      ? Buffer.from([length])
      : length < 0x100
        ? Buffer.from([0x81, length])
        : Buffer.from([0x82, length >> 8, length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), size, content]);
}

const sequence = (...members: readonly Buffer[]) => der(0x30, ...members);
const tagged = (tag: number, content: Buffer) => der(0xa0 + tag, content);
const integer = (bytes: Buffer) => der(0x02, bytes);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));

const nameOf = (commonName: string) =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName, 'utf8')))));

/** UTCTime, RFC 5280 §4.1.2.5.1. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
