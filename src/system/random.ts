export interface Random {
  /** 0 included, 1 excluded. */
  next(): number;
  bytes(count: number): Uint8Array;
}
