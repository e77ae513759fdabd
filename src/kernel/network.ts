import { isIPv4, isIPv6 } from 'node:net';

/** Part of a global bound that one prefix may use. */
const PREFIX_SHARE = 0.05;
/** What a wider prefix may use, in limits of one network: of an IPv6 /56 and /48, and of an IPv4 /24. */
const FACTOR = { '/56': 2, '/48': 4, '/24': 8 } as const;

/**
 * Returns the key under which a caller's network is counted: an IPv4 address, or the /64 of an IPv6 address,
 * because the holder of one address of a /64 can use all of them.
 */
export function networkKey(address: string): string {
  return networkPrefixes(address)[0];
}

/** The prefixes of one address, from the narrowest to the widest. */
export type NetworkPrefixes = readonly [narrow: string, ...middle: string[], wide: string];

/**
 * Returns the prefixes under which an address is counted: /64, /56 and /48 of an IPv6 address, the address itself
 * and the /24 of an IPv4 address. An IPv4-mapped IPv6 address counts as its IPv4 address.
 */
export function networkPrefixes(address: string): NetworkPrefixes {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIPv4(mapped)) return [mapped, `${mapped.slice(0, mapped.lastIndexOf('.'))}.0/24`];
  if (!isIPv6(address)) return [address, address];
  const groups = firstGroupsOf(address);
  const [a = 0, b = 0, c = 0, d = 0] = groups;
  return [`${hex(a, b, c, d)}::/64`, `${hex(a, b, c, d & 0xff00)}::/56`, `${hex(a, b, c)}::/48`];
}

/** Returns the widest prefix of an address. */
export function widestPrefix(address: string): string {
  return networkPrefixes(address).at(-1) ?? address;
}

/** Returns how the network key of every address of the same widest prefix begins. */
export function networkKeyStart(address: string): string {
  const wide = widestPrefix(address);
  return wide.endsWith('::/48') ? wide.slice(0, -':/48'.length) : wide.replace(/0\/24$/, '');
}

/** Returns how much of a global bound one prefix may use: 5 %, and at least 1. */
export function prefixShare(bound: number): number {
  return Math.max(1, Math.floor(bound * PREFIX_SHARE));
}

/** Returns what one prefix may use: the limit of a network, times what it holds of networks, at most `share`. */
export function prefixPoints(prefix: string, points: number, share = Number.POSITIVE_INFINITY): number {
  const factor = Object.entries(FACTOR).find(([length]) => prefix.endsWith(length))?.[1] ?? 1;
  return Math.min(points * factor, share);
}

/** The first four groups of an IPv6 address. */
function firstGroupsOf(address: string): readonly number[] {
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted quad at the end stands for two groups.
  const length = front.length + back.length + (address.includes('.') ? 1 : 0);
  const zeros = Array<string>(Math.max(0, 8 - length)).fill('0');
  return [...front, ...zeros, ...back].slice(0, 4).map((group) => Number.parseInt(group, 16) || 0);
}

function hex(...groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}
