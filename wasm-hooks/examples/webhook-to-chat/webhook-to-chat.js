// Turns what a webhook brought into a message that a person, or an agent, can
// read: pushes, issues and pull requests as forges send them, and any other
// JSON as a list. What is no webhook passes.
//
// Configuration, all of it optional:
//   commits   how many commits of a push are told; 5
//   ignore    actions of issues and pull requests to drop, as ["labeled"]

const maxLines = 12;
const maxValue = 120;

export function onMessage(message, config) {
  if (message.kind !== "webhook") return;
  const payload = parsed(message.content);
  if (typeof payload !== "object" || payload === null) return;
  if (typeof payload.zen === "string" && "hook_id" in payload) drop(); // a forge trying whether we answer
  if (config?.ignore?.includes(payload.action)) drop();
  const text = push(payload, config?.commits ?? 5) ?? subject(payload) ?? list(payload);
  return { content: { text, sender: payload.sender?.login ?? payload.pusher?.name ?? message.channelType ?? "webhook" } };
}

// parsed is the payload: the content, or its body, which may be JSON as text.
function parsed(content) {
  const body = content?.payload ?? content?.body ?? content;
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function push({ ref, commits, repository, pusher, compare, deleted }, most) {
  if (typeof ref !== "string" || !Array.isArray(commits)) return;
  const branch = ref.replace(/^refs\/(heads|tags)\//, "");
  const who = pusher?.name ?? "Somebody";
  const where = repository?.full_name ?? "a repository";
  if (deleted) return `${who} deleted ${branch} of ${where}`;
  const lines = [`${who} pushed ${count(commits.length, "commit")} to ${branch} of ${where}`];
  for (const commit of commits.slice(0, most)) {
    const [title] = String(commit?.message).split("\n", 1);
    lines.push(`- ${String(commit?.id).slice(0, 7)} ${short(title)} (${commit?.author?.name ?? "unknown"})`);
  }
  if (commits.length > most) lines.push(`- and ${commits.length - most} more`);
  if (compare) lines.push(compare);
  return lines.join("\n");
}

function subject({ action, issue, pull_request: pull, comment, repository, sender }) {
  const about = pull ?? issue;
  if (typeof action !== "string" || about?.title === undefined) return;
  const done = pull?.merged && action === "closed" ? "merged" : action;
  const what = comment ? `${done} a comment on` : done;
  const lines = [`${sender?.login ?? "Somebody"} ${what} ${pull ? "pull request" : "issue"} #${about.number} of ${repository?.full_name ?? "a repository"}: ${short(about.title)}`];
  if (comment?.body) lines.push(`> ${short(comment.body)}`);
  if (comment?.html_url ?? about.html_url) lines.push(comment?.html_url ?? about.html_url);
  return lines.join("\n");
}

// list tells any object by its members, the nested ones as paths.
function list(payload) {
  const lines = [];
  const visit = (value, path) => {
    if (typeof value === "object" && value !== null) {
      for (const name of Object.keys(value)) {
        if (lines.length > maxLines) return;
        visit(value[name], path ? `${path}.${name}` : name);
      }
    } else if (value !== null && value !== "") {
      lines.push(`${path || "value"}: ${short(value)}`);
    }
  };
  visit(payload, "");
  if (lines.length > maxLines) lines.splice(maxLines, lines.length, "…");
  return lines.join("\n") || "An empty webhook";
}

function short(text) {
  const line = String(text).replaceAll(/\s+/g, " ").trim();
  return line.length > maxValue ? line.slice(0, maxValue - 1) + "…" : line;
}

function count(n, noun) {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
