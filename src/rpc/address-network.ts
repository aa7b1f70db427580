/** Groups of an IPv6 address that name its network, of 16 bits each. */
const NETWORK_GROUPS = 4;
const GROUPS = 8;

/**
 * The network whose connections are counted together: of an IPv6 address its /64, which one client has whole, of an
 * IPv4 address (as such or mapped into IPv6) and of IPv6's loopback address itself. Takes what a socket tells.
 */
export function networkOf(address: string): string {
  if (!address.includes(":") || address === "::1") return address;
  if (address.includes(".")) return address.slice(address.lastIndexOf(":") + 1);
  const [head = "", tail] = address.split("::");
  const groups = groupsOf(head);
  if (tail !== undefined) {
    const after = groupsOf(tail);
    while (groups.length + after.length < GROUPS) groups.push("0");
    groups.push(...after);
  }
  return `${groups.slice(0, NETWORK_GROUPS).join(":")}::/64`;
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
