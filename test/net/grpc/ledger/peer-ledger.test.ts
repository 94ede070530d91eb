import t from 'tap';
import type { ConnectionAccount } from '../../../../src/net/grpc/ledger/accounts.js';
import type { CountedCall } from '../../../../src/net/grpc/ledger/call-quota.js';
import { PeerLedger, type QuotaName } from '../../../../src/net/grpc/ledger/peer-ledger.js';
import { seededRandom } from '../../../support/prng.js';

const process = (pid: number) => ({ peer: { uid: 1337, gid: 0, pid } });
const address = (text: string) => ({ peer: undefined, address: text });

/** A ledger with small pots, and calls that only count. */
class Book {
  nowMs = 0;
  readonly ledger: PeerLedger;
  readonly dropped: number[] = [];

  constructor(maxCalls = 100) {
    this.ledger = new PeerLedger({
      service: { max: maxCalls, maxUnproven: 0.8 * maxCalls, maxPerUnproven: 0.5 * maxCalls },
      bytes: { maxPerConnection: 400, maxPerUnproven: 600, maxUnproven: 800, max: 1000 },
      now: () => this.nowMs,
    });
  }

  connect(from: Parameters<PeerLedger['open']>[0]): ConnectionAccount {
    const account = this.ledger.open(from);
    account.holder = {
      drop: () => {
        this.dropped.push(account.number);
        this.ledger.close(account);
      },
    };
    return account;
  }

  call(account: ConnectionAccount, pot: QuotaName = 'service'): TestCall {
    return new TestCall(this.ledger, account, pot);
  }
}

class TestCall implements CountedCall {
  readonly pot;
  readonly lastSeen: number;
  readonly waitingSinceMs: number;
  readonly isIn: boolean;
  gaveWay = false;
  expired = false;

  constructor(
    private readonly ledger: PeerLedger,
    readonly account: ConnectionAccount,
    pot: QuotaName,
  ) {
    this.pot = ledger.pots[pot];
    this.lastSeen = ledger.tick();
    this.waitingSinceMs = 0;
    this.isIn = ledger.began(this);
    if (!this.isIn) this.end();
  }

  end(): void {
    this.ledger.ended(this);
  }

  expireWait(): void {
    this.expired = true;
    this.end();
  }

  evict(): void {
    this.gaveWay = true;
    this.end();
  }
}

t.test('a newcomer has a place though two others have taken all: those idle for longest give way', async (t) => {
  const book = new Book();
  const [a, b] = [book.connect(process(1)), book.connect(process(2))];
  const calls = [...Array.from({ length: 45 }, () => book.call(a)), ...Array.from({ length: 35 }, () => book.call(b))];
  t.ok(calls.every(({ isIn }) => isIn));
  const newcomer = book.call(book.connect(process(3)));
  t.ok(newcomer.isIn);
  t.same(
    calls.map(({ gaveWay }, at) => (gaveWay ? at : -1)).filter((at) => at >= 0),
    [0, 1],
    'two at once, of those with most',
  );
});

t.test('a fifth is kept for those who are proven, and they do not give way to strangers', async (t) => {
  const book = new Book();
  const known = book.connect(process(1));
  book.ledger.prove(known);
  const kept = Array.from({ length: 10 }, () => book.call(known));
  for (let pid = 2; pid < 6; pid += 1) {
    const stranger = book.connect(process(pid));
    for (let count = 0; count < 40; count += 1) book.call(stranger);
  }
  t.ok(kept.every(({ gaveWay }) => !gaveWay));
  const more = Array.from({ length: 20 }, () => book.call(known));
  t.ok(more.every(({ isIn }) => isIn));
});

t.test('a stranger has a place though proven ones have taken all: of those the one with most gives way', async (t) => {
  const book = new Book();
  const [hoarder, other] = [book.connect(process(1)), book.connect(process(2))];
  for (const account of [hoarder, other]) book.ledger.prove(account);
  const hoarded = Array.from({ length: 70 }, () => book.call(hoarder));
  const others = Array.from({ length: 30 }, () => book.call(other));
  const stranger = book.call(book.connect(process(3)));
  t.ok(stranger.isIn && !stranger.gaveWay);
  t.same([hoarded[0]?.gaveWay, hoarded[1]?.gaveWay, hoarded[2]?.gaveWay], [true, true, false]);
  t.ok(others.every(({ gaveWay }) => !gaveWay));
});

t.test('one process that is a stranger has half, over all of its connections; its oldest calls give way', async (t) => {
  const book = new Book();
  const connections = [book.connect(process(1)), book.connect(process(1))];
  const calls = Array.from({ length: 60 }, (_, at) => book.call(connections[at % 2] as ConnectionAccount));
  t.equal(calls.filter(({ gaveWay, isIn }) => isIn && !gaveWay).length, 50 - (60 % 2));
  t.ok(calls.slice(-5).every(({ gaveWay }) => !gaveWay));
});

t.test('a flood displaces itself, and in a large pot is refused at once when it has an eighth of it', async (t) => {
  const book = new Book(8000);
  const small = Array.from({ length: 5600 }, (_, at) => book.call(book.connect(process(at + 2))));
  const flooder = book.connect(process(1));
  const flood = Array.from({ length: 2000 }, () => book.call(flooder));
  t.ok(flood[0]?.gaveWay);
  t.ok(flooder.calls <= 800);
  t.ok(small.every(({ gaveWay }) => !gaveWay));
  for (const call of small) call.end();
  const more = Array.from({ length: 8000 }, () => book.call(flooder));
  t.equal(flooder.calls, 4000);
  t.notOk(more.at(-1)?.isIn);
});

t.test(
  'a health check of another has its place while one holds all of that pot, and secrets have their own',
  async (t) => {
    const book = new Book();
    for (let pid = 1; pid < 20; pid += 1) {
      const hoarder = book.connect(process(pid));
      const calls = Array.from({ length: 70 }, () => book.call(hoarder, 'health'));
      t.equal(calls.filter(({ isIn }) => isIn).length, 64, 'of one connection');
    }
    const other = book.connect(process(99));
    t.ok(book.call(other, 'health').isIn);
    t.ok(book.call(other).isIn);
  },
);

t.test('octets are bounded for a connection, for a stranger and for all; who holds most gives way', async (t) => {
  const book = new Book();
  const { ledger } = book;
  const [a, b, c, d] = [
    book.connect(process(1)),
    book.connect(process(2)),
    book.connect(process(3)),
    book.connect(process(4)),
  ];
  t.notOk(ledger.change(a, 401));
  ledger.change(a, -401);
  t.ok(ledger.change(a, 400));
  const second = book.connect(process(1));
  t.notOk(ledger.change(second, 201), 'of one process');
  ledger.change(second, -201);
  t.ok(ledger.change(b, 350));
  t.ok(ledger.change(c, 60), 'a small one, though strangers have all that they may');
  t.same(book.dropped, [a.number]);
  ledger.prove(d);
  t.ok(ledger.change(d, 400));
  t.equal(ledger.heldBytes, 810);
});

t.test('whoever owes a message for 30 s is told so', async (t) => {
  const book = new Book();
  const call = book.call(book.connect(process(1)));
  book.nowMs = 29_999;
  book.ledger.expireWaits();
  t.notOk(call.expired);
  book.nowMs = 30_000;
  book.ledger.expireWaits();
  t.ok(call.expired);
});

t.test('whatever comes in whatever order, nothing is left when all have gone', async (t) => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seededRandom(seed);
    const below = (count: number): number => Math.floor(random() * count);
    const book = new Book();
    const accounts: ConnectionAccount[] = [];
    const calls: TestCall[] = [];
    for (let step = 0; step < 300; step += 1) {
      const account = accounts[below(accounts.length)];
      const isOpen = account !== undefined && book.ledger.account(account.number) === account;
      const act = below(6);
      if (act === 0 || !isOpen)
        accounts.push(book.connect(below(2) === 0 ? process(below(4)) : address(`10.0.0.${below(3)}`)));
      else if (act === 1) calls.push(book.call(account, below(4) === 0 ? 'health' : 'service'));
      else if (act === 2) book.ledger.prove(account);
      else if (act === 3) book.ledger.change(account, below(300) - Math.min(account.bytes, below(300)));
      else if (act === 4) endOne(calls, below(calls.length + 1));
      else if (account.calls === 0) book.ledger.close(account);
    }
    for (const call of calls) if (call.pot.calls.has(call)) call.end();
    for (const account of accounts) book.ledger.close(account);
    const peers = new Set(accounts.map(({ peer }) => peer));
    const left = [...peers].map((peer) => [peer.connections, peer.unprovenConnections, peer.bytes, peer.unprovenBytes]);
    t.same([book.ledger.heldBytes, left.flat().some((count) => count !== 0)], [0, false], `seed ${seed}`);
    t.ok([...peers].every(({ calls: open, unprovenCalls }) => open === 0 && unprovenCalls === 0));
    const known = book.connect(process(1));
    const filled = Array.from({ length: 50 }, () => book.call(known));
    t.ok(
      filled.every(({ isIn, gaveWay }) => isIn && !gaveWay),
      'all places are free again',
    );
  }
});

function endOne(calls: readonly TestCall[], at: number): void {
  const call = calls[at];
  if (call?.pot.calls.has(call)) call.end();
}

t.test('what a connection held is given back once, also when somebody tells of it after its end', async (t) => {
  const { ledger, ...book } = new Book();
  const account = ledger.open(process(1));
  const other = ledger.open(process(1));
  t.ok(ledger.change(account, 300));
  ledger.close(account);
  t.equal(ledger.heldBytes, 0);
  ledger.change(account, -300);
  t.notOk(ledger.change(account, 100), 'whoever has gone is given no room');
  ledger.change(account, -100);
  t.equal(ledger.heldBytes, 0);
  t.equal(other.peer.bytes, 0);
  t.equal(other.peer.unprovenBytes, 0);
  t.same(book.dropped, []);
});
