/** A value made of others, and kept as long as they are the same: a second call gets the same object. */
export class Memo<Inputs extends readonly unknown[], Value> {
  private inputs: Inputs | undefined;
  private value: Value | undefined;

  constructor(private readonly make: (...inputs: Inputs) => Value) {}

  of(...inputs: Inputs): Value {
    const known = this.inputs;
    if (known === undefined || this.value === undefined || !inputs.every((input, at) => input === known[at])) {
      this.value = this.make(...inputs);
      this.inputs = inputs;
    }
    return this.value;
  }
}
