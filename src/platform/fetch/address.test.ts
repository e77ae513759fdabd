import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';

import { isGlobalUnicast } from './address.ts';

const isGlobal = (address: string) => isGlobalUnicast({ address, family: address.includes(':') ? 6 : 4 });

describe('isGlobalUnicast', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.215.14',
    '100.63.255.255',
    '100.128.0.1',
    '168.63.129.15',
    '168.63.129.17',
    '172.15.255.255',
    '172.32.0.1',
    '192.0.1.1',
    '198.17.255.255',
    '198.20.0.1',
    '223.255.255.255',
    '2001:200::1',
    '2606:4700:4700::1111',
    '2a00:1450:4001:829::200e',
    '2003:0:0:0:0:0:0:1',
  ])('MCP 51: takes %s', (address) => expect(isGlobal(address)).toBe(true));

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::FFFF:0808:0808',
    '0:0:0:0:0:ffff:7f00:1',
    '::127.0.0.1',
    '::8.8.8.8',
    '64:ff9b::7f00:1',
    '64:ff9b::808:808',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:2::1',
    '2001:10::1',
    '2001:20::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    '2002:808:808::1',
    '2620:4f:8000::1',
    '3ffe::1',
    '3fff:fff::1',
    '4000::1',
    '5f00::1',
    'fc00::1',
    'fd12:3456:789a::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
  ])('MCP 51: refuses %s', (address) => {
    expect(isIP(address)).not.toBe(0);
    expect(isGlobal(address)).toBe(false);
  });

  it.each([
    '2606:4700:4700::1111%eth0',
    'fe80::1%1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '127.1',
    '8.8.8.8.',
    ' 8.8.8.8',
    '8.8.8.08',
    '[2606:4700:4700::1111]',
    'localhost',
    '',
  ])('MCP 51: refuses the spelling %j', (address) => {
    expect(isGlobalUnicast({ address, family: 4 })).toBe(false);
    expect(isGlobalUnicast({ address, family: 6 })).toBe(false);
  });

  it('takes an address for what its family says and for nothing else', () => {
    expect(isGlobalUnicast({ address: '8.8.8.8', family: 6 })).toBe(false);
    expect(isGlobalUnicast({ address: '2606:4700:4700::1111', family: 4 })).toBe(false);
  });
});
