// Asking for something: one POST, same command id on every retry, so asking twice does it once.
const csrf = document.querySelector('meta[name="csrf"]').content;

export function commandId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// {status, accepted, event_ids} or {status, guard, reason}; status 0 = the server cannot be reached.
export async function ask(body) {
  try {
    const answer = await fetch("/api/commands", {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": csrf },
      body: JSON.stringify(body),
    });
    return { status: answer.status, ...(await answer.json()) };
  } catch (error) {
    return { status: 0, guard: "network", reason: String(error.message ?? error) };
  }
}
