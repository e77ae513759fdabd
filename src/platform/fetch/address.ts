import { BlockList, isIPv4, isIPv6 } from 'node:net';

import type { ResolvedAddress } from './fetch.ts';

/**
 * What is not an address of one host on the open internet, although it lies in the space that is given
 * out: the IANA special-purpose address registries (RFC 6890 and their state of 2026), IPv4, and one of a cloud.
 */
const SPECIAL_IPV4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared by carriers (RFC 6598)
  '127.0.0.0/8', // loopback
  '168.63.129.16/32', // where Azure answers its own machines, and nobody else
  '169.254.0.0/16', // link-local, and where clouds keep their metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // 6to4 relays, deprecated
  '192.168.0.0/16', // private
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** Of IPv6 this is all that is given out as global unicast (RFC 4291 §2.4); everything outside it is refused. */
const GLOBAL_IPV6 = '2000::/3';
/** And within it not these, which tunnel to IPv4, document, or are for protocols. */
const SPECIAL_IPV6 = [
  '2001::/23', // protocol assignments: Teredo, benchmarks, ORCHID and what is to come
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '2620:4f:8000::/48', // AS112
  '3ffe::/16', // 6bone, given back
  '3fff::/20', // documentation
];

const specialIpv4 = listOf(SPECIAL_IPV4, 'ipv4');
const globalIpv6 = listOf([GLOBAL_IPV6], 'ipv6');
const specialIpv6 = listOf(SPECIAL_IPV6, 'ipv6');

/**
 * Whether this is the address of one host on the open internet, and so one that we may connect to for
 * somebody else. What carries an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo) is not,
 * whatever is inside, and neither is anything with a zone or in a spelling of its own.
 */
export function isGlobalUnicast({ address, family }: ResolvedAddress): boolean {
  if (family === 4) return isIPv4(address) && !specialIpv4.check(address, 'ipv4');
  if (!isIPv6(address) || address.includes('%')) return false;
  return globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6');
}

function listOf(blocks: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [network = '', prefix] = block.split('/');
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}
