import { BlockList, isIP } from 'node:net';

/** At most this many hops of X-Forwarded-For are looked at. */
const MAX_HOPS = 32;

/**
 * Makes the function that finds the caller's address.
 *
 * `X-Forwarded-For` is a claim of whoever wrote it. It is read from the right, and each hop is
 * believed only while the one that reported it is a trusted proxy. With no trusted proxy, which is
 * the default, the header is never looked at.
 *
 * @throws TypeError for an entry that is neither an address nor a CIDR block.
 */
export function createClientAddress(
  trustedProxies: readonly string[],
): (peer: string | undefined, forwardedFor: string | undefined) => string {
  const trusted = blockList(trustedProxies);
  const isTrusted = (address: string) => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

  return (peer, forwardedFor) => {
    let address = plainAddress(peer ?? '') ?? '0.0.0.0';
    if (trustedProxies.length === 0 || forwardedFor === undefined) return address;

    const hops = forwardedFor.split(',').slice(-MAX_HOPS).reverse();
    for (const hop of hops) {
      if (!isTrusted(address)) break;
      const reported = plainAddress(hop.trim());
      if (reported === undefined) break;
      address = reported;
    }
    return address;
  };
}

function blockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix, ...rest] = entry.split('/');
    const version = isIP(address);
    if (version === 0 || rest.length > 0) throw new TypeError(`not an address or CIDR block: ${entry}`);
    const family = version === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else if (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 6 ? 128 : 32)) {
      list.addSubnet(address, Number(prefix), family);
    } else throw new TypeError(`not a CIDR block: ${entry}`);
  }
  return list;
}

/** The address without port, brackets or zone, and IPv4-mapped IPv6 as IPv4; `undefined` for anything else. */
function plainAddress(value: string): string | undefined {
  if (isIP(value) === 4) return value;
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(value)?.[1];
  const withoutPort = bracketed ?? /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(value)?.[1] ?? value;
  const [address = ''] = withoutPort.toLowerCase().split('%', 1);
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address)?.[1] ?? address;
  return isIP(mapped) === 0 ? undefined : mapped;
}
