import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { isExposed, isReadableByAll } from '../../../src/system/small-files/index.js';

t.test(
  'a file of a secret that every user may read is told, one of a group or of a kubelet volume is not',
  async (t) => {
    const directory = t.testdir({ plain: '' });
    t.equal(await isReadableByAll(join(directory, 'plain'), 0o644), true);
    t.equal(await isReadableByAll(join(directory, 'plain'), 0o640), false, 'as fsGroup makes it');
    t.equal(await isReadableByAll(join(directory, 'plain'), 0o600), false);
    mkdirSync(join(directory, '..2026_11_30'));
    writeFileSync(join(directory, '..2026_11_30', 'tls.key'), '');
    symlinkSync('..2026_11_30', join(directory, '..data'));
    symlinkSync(join('..data', 'tls.key'), join(directory, 'tls.key'));
    t.equal(await isReadableByAll(join(directory, 'tls.key'), 0o644), false, 'a volume of the kubelet');
  },
);

t.test('a file is looked at as it stands, and one that is missing is not exposed', async (t) => {
  const path = join(t.testdir({ plain: '' }), 'plain');
  chmodSync(path, 0o644);
  t.equal(await isExposed(path), true);
  chmodSync(path, 0o600);
  t.equal(await isExposed(path), false);
  t.equal(await isExposed(`${path}-missing`), false);
});
