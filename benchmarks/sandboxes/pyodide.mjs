// Reads programs from standard input, one a line, and answers each with its value.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { loadPyodide } = await import(pathToFileURL(process.argv[2]).href);
const pyodide = await loadPyodide();
for await (const line of createInterface({ input: process.stdin })) {
  const names = pyodide.toPy({});
  process.stdout.write(`${pyodide.runPython(line, { globals: names })}\n`);
  names.destroy();
}
