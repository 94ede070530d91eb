import t from 'tap';
import { isMissed, ofSmallLoad, type Row, shownFigure } from '../../bench/load/budgets.js';

const row = (measured: number | undefined, budget: number): Row => ({ what: 'x', measured, budget, unit: 'ms' });

const cases = [
  { name: 'a figure that is printed as its budget keeps it', row: row(10.04, 10), shown: '10.0', missed: false },
  { name: 'a figure that is printed above its budget misses it', row: row(10.05001, 10), shown: '10.1', missed: true },
  { name: 'nothing measured misses a budget', row: row(undefined, 10), shown: undefined, missed: true },
  { name: 'what is no number misses a budget', row: row(Number.NaN, 10), shown: undefined, missed: true },
  {
    name: 'without a budget nothing is missed',
    row: { what: 'x', measured: 1, unit: '' },
    shown: '1.0',
    missed: false,
  },
];
for (const { name, row: one, shown, missed } of cases) {
  t.test(name, async (t) => {
    t.equal(shownFigure(one), shown);
    t.equal(isMissed(one), missed);
  });
}

t.test('a small load judges faults, and no figures', async (t) => {
  const fault: Row = { ...row(1, 0), isOfAnySize: true };
  const [figure, judged] = ofSmallLoad([row(99, 10), fault]);
  t.equal(figure && isMissed(figure), false);
  t.equal(judged && isMissed(judged), true);
});
