/** What the index holds cannot be: it is damaged, and to be built again. */
export class IndexDamage extends Error {
  override readonly name = "IndexDamage";
}
