import t from 'tap';
import { clusterId } from '../../../src/citadel/issuance/caller-metadata.js';

function metadata(key: string, ...values: readonly string[]) {
  return { metadata: (name: string) => (name === key ? values : []) };
}

const clusters = [
  { name: 'one value', values: ['Kubernetes'], want: 'Kubernetes' },
  { name: 'an empty value', values: [''], want: '' },
  { name: 'no value', values: [], want: '' },
  { name: 'two values, which count as none', values: ['a', 'b'], want: '' },
  { name: 'a long value, cut to 64 characters', values: ['x'.repeat(1000)], want: 'x'.repeat(64) },
] as const;

for (const { name, values, want } of clusters) {
  t.test(`the cluster id of ${name}`, async (t) => {
    t.equal(clusterId(metadata('clusterid', ...values)), want);
  });
}
