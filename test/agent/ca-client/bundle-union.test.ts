import t from 'tap';
import { BundleUnion } from '../../../src/agent/ca-client/bundle-union.js';
import { TestCa } from '../../support/test-ca.js';

const [one, two] = [TestCa.root('one'), TestCa.root('two')].map(({ certificatePem }) => certificatePem);

const cases = [
  { name: 'one CA that gives lists', parts: [one], good: [0], covered: true },
  { name: 'one that gives none', parts: [one], good: [], covered: false },
  { name: 'two of which one gives none', parts: [one, two], good: [0], covered: false },
  { name: 'two with one root, as replicas have it', parts: [one, one], good: [1], covered: true },
  { name: 'a second one that was not asked yet', parts: [undefined, two], good: [1], covered: true },
  { name: 'further roots of another CA', parts: [one, undefined, two], good: [0], covered: false },
];

for (const { name, parts, good, covered } of cases) {
  t.test(`each root is one of a CA that gives revocation lists, or not: ${name}`, async (t) => {
    const union = new BundleUnion();
    for (const [position, part] of parts.entries()) if (part !== undefined) union.keep(position, part);
    t.equal(
      union.isCoveredBy((position) => good.includes(position)),
      covered,
    );
  });
}
