import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { IstioMetric, Metric } from '../../src/telemetry/index.js';

t.test('docs/status.md lists every metric and no other', async (t) => {
  const text = readFileSync(fileURLToPath(new URL('../../../docs/status.md', import.meta.url)), 'utf8');
  const listed = [...text.matchAll(/^\| `((?:sidecert|process|citadel)_[a-z_]+)` \|/gm)].map(([, name]) => name);
  t.strictSame(listed.sort(), [...Object.values(Metric), ...Object.values(IstioMetric)].map(({ name }) => name).sort());
});
