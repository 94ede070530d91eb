import t from 'tap';
import { encodePem, pemLength, readPem } from '../../../src/pki/x509/index.js';
import { codeOf, ecKeys, openssl, pkcs8 } from '../../hotpath/pki.js';

t.test('the PEM of a key equals the one of OpenSSL', async (t) => {
  const { privateKey } = ecKeys('P-384');
  const pem = encodePem('PRIVATE KEY', pkcs8(privateKey));
  t.equal(pem.toString(), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  t.equal(pem.toString(), openssl(['pkey'], pem));
});

t.test('base64 is right at each length of the last line and of the last group', async (t) => {
  for (let length = 1; length <= 150; length++) {
    const der = Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length) % 256));
    const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
    const want = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
    t.equal(encodePem('CERTIFICATE', der).toString(), want, `${length} octets`);
    t.equal(pemLength('CERTIFICATE', length), want.length);
  }
});

t.test('a PEM fills memory of its own, so that it can be moved or wiped', async (t) => {
  const pem = encodePem('CERTIFICATE', Buffer.from('abc'));
  t.equal(pem.buffer.byteLength, pem.length);
});

t.test('reading', async (t) => {
  const limits = { what: 'text', code: 'ERR_CSR_INVALID', maxBytes: 1000, maxBlocks: 2 } as const;
  const block = encodePem('CERTIFICATE', Buffer.from('abc')).toString();
  const read = (text: string) => readPem(Buffer.from(text), limits);

  t.same(read(`a comment\n${block}\nanother\r\n${block.replaceAll('\n', '\r\n')}`), [
    { label: 'CERTIFICATE', der: Buffer.from('abc') },
    { label: 'CERTIFICATE', der: Buffer.from('abc') },
  ]);
  const refused = [
    ['nothing', ''],
    ['no block', 'hello'],
    ['three blocks where two may be', block.repeat(3)],
    ['more bytes than may be', ' '.repeat(1000) + block],
    ['a block without an end', block.replace('-----END CERTIFICATE-----', '')],
    ['a block without an end before another', block.replace('-----END CERTIFICATE-----', '') + block],
    ['an end of another kind', block.replace('END CERTIFICATE', 'END PRIVATE KEY')],
    ['an empty block', block.replace('YWJj', '')],
    ['a character outside base64', block.replace('YWJj', 'YW*j')],
    ['base64url', block.replace('YWJj', '_w==')],
    ['padding that is missing', block.replace('YWJj', 'YQ')],
    ['bits behind the last octet', block.replace('YWJj', 'YR==')],
    ['a header', block.replace('YWJj', 'Proc-Type: 4,ENCRYPTED\n\nYWJj')],
  ] as const;
  for (const [name, text] of refused)
    t.equal(
      codeOf(() => read(text)),
      'ERR_CSR_INVALID',
      `refuses ${name}`,
    );
});
