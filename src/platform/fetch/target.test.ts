import { describe, expect, it } from 'vitest';

import { targetOf } from './target.ts';

describe('targetOf', () => {
  it('is where an https URL leads', () => {
    expect(targetOf('https://app.example/a/b.json?v=1')).toEqual({
      hostname: 'app.example',
      host: 'app.example',
      port: 443,
      path: '/a/b.json?v=1',
    });
    expect(targetOf('https://app.example:8443/')).toMatchObject({ host: 'app.example:8443', port: 8443 });
    expect(targetOf('https://xn--e1awd7f.example/')).toMatchObject({ hostname: 'xn--e1awd7f.example' });
  });

  it.each([
    ['http://app.example/', 'url_scheme'],
    ['ftp://app.example/', 'url_scheme'],
    ['file:///etc/passwd', 'url_scheme'],
    ['data:application/json,{}', 'url_scheme'],
    ['https://user@app.example/', 'url_userinfo'],
    ['https://user:pw@app.example/', 'url_userinfo'],
    ['https://app.example/#a', 'url_fragment'],
    ['https://app.example/#', 'url_fragment'],
    ['https://127.0.0.1/', 'url_host'],
    ['https://93.184.215.14/', 'url_host'],
    ['https://[::1]/', 'url_host'],
    ['https://[2606:4700:4700::1111]/', 'url_host'],
    ['https://2130706433/', 'url_malformed'],
    ['https://0x7f000001/', 'url_malformed'],
    ['https://0177.0.0.1/', 'url_malformed'],
    ['https://127.1/', 'url_malformed'],
    ['https://[::ffff:127.0.0.1]/', 'url_malformed'],
    ['https://app.example./', 'url_host'],
    ['https://app/', 'url_host'],
    ['https://localhost/', 'url_host'],
    ['https://a.localhost/', 'url_host'],
    ['https://printer.local/', 'url_host'],
    ['https://metadata.google.internal/', 'url_host'],
    ['https://1.0.0.127.in-addr.arpa/', 'url_host'],
    ['https://router.home.arpa/', 'url_host'],
    ['https://app.example:22/', 'url_port'],
    ['https://app.example:80/', 'url_port'],
    ['https://app.example:993/', 'url_port'],
    ['https://app.example:443/', 'url_malformed'],
    ['https://APP.example/', 'url_malformed'],
    ['https://app.example\\@evil.example/', 'url_malformed'],
    ['https://app.example', 'url_malformed'],
    [' https://app.example/', 'url_malformed'],
    ['https://app.example/\r\nHost: a', 'url_malformed'],
    [`https://app.example/${'a'.repeat(2048)}`, 'url_malformed'],
    ['', 'url_malformed'],
  ])('K3: refuses %j', (url, detail) => {
    expect(() => targetOf(url)).toThrow(expect.objectContaining({ name: 'FetchRefused', detail }));
  });
});
