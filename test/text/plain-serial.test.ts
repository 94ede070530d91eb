import t from 'tap';
import { plainSerial } from '../../src/text/index.js';

t.test('one serial number has one form', (t) => {
  for (const written of ['5F3A', '005f3a', '5f3a']) t.equal(plainSerial(written), '5f3a');
  t.equal(plainSerial('00'), '0');
  t.equal(plainSerial(''), '');
  t.end();
});
