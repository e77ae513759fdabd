import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** Whether an address leads nowhere on the internet: RFC 1918, RFC 6598, RFC 4193, link-local and loopback. */
export function isPrivateAddress(address: string): boolean {
  if (isIP(address) === 4) {
    return /^(?:10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(
      address,
    );
  }
  return /^(?:::1$|f[cd]|fe[89ab])/i.test(address);
}

/** The addresses of a host as this machine resolves it; none when it does not. */
export function addressesOf(host: string, lookup: LookupFunction = systemLookup): Promise<readonly string[]> {
  const name = host.replace(/^\[|\]$/g, '');
  if (isIP(name) !== 0) return Promise.resolve([name]);
  return new Promise((resolve) => {
    lookup(name, { all: true }, (error, found) => {
      if (error) resolve([]);
      else resolve(Array.isArray(found) ? found.map(({ address }) => address) : [found]);
    });
  });
}
