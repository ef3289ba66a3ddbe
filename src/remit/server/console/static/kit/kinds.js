// What the API gives, as far as pages use it; the whole is at /openapi.json.

/**
 * @typedef {object} Summary
 * @property {string} id
 * @property {string} agent
 * @property {"idle" | "running" | "waiting" | "closed"} status
 * @property {string} why
 * @property {string} about
 * @property {number} opened
 * @property {number} changed
 * @property {string} parent
 * @property {number} runs
 * @property {number} steps
 * @property {number} tokens
 * @property {number} cost_usd
 * @property {number} waits
 * @property {number} flags
 */

/**
 * @typedef {object} Plain
 * @property {number} seq
 * @property {number} at
 * @property {string} kind
 * @property {Record<string, any>} fields
 */

/**
 * @typedef {object} Bucket
 * @property {number} at
 * @property {string} name
 * @property {number} cost_usd
 * @property {number} tokens
 * @property {number} calls
 */

/**
 * @typedef {object} Overview
 * @property {number} running
 * @property {number} waiting
 * @property {number} idle
 * @property {number} closed
 * @property {number} approvals
 * @property {number} questions
 * @property {number} doubts
 * @property {number | null} oldest_wait
 * @property {number} queued
 * @property {number | null} oldest_queued
 * @property {number} runs_today
 * @property {number} failed_today
 * @property {number} flags_today
 * @property {number} spent_today_usd
 * @property {number | null} budget_usd
 * @property {number} tokens_today
 */

/**
 * @typedef {object} ToolFigures
 * @property {string} tool
 * @property {number} calls
 * @property {number} ok
 * @property {number} failed
 * @property {number} denied
 * @property {number} doubts
 * @property {number | null} p50_ms
 * @property {number | null} p95_ms
 * @property {number} cost_usd
 */

/**
 * @typedef {object} AgentFigures
 * @property {string} agent
 * @property {number} runs
 * @property {number} done
 * @property {number} failed
 * @property {number} stopped
 * @property {number} cancelled
 * @property {number} steps
 * @property {number} tokens
 * @property {number} cost_usd
 * @property {number | null} cost_per_run_usd
 * @property {number | null} tokens_per_step
 * @property {number | null} p50_ms
 * @property {number | null} p95_ms
 */

/**
 * @typedef {object} ModelFigures
 * @property {string} model
 * @property {number} calls
 * @property {number} failed
 * @property {number} hits
 * @property {number} input
 * @property {number} output
 * @property {number} cached
 * @property {number} cost_usd
 * @property {number | null} p50_ms
 * @property {number | null} p95_ms
 */

/**
 * @typedef {object} Figures
 * @property {number} since
 * @property {number} until
 * @property {number} step
 * @property {Bucket[]} by_agent
 * @property {Bucket[]} by_model
 * @property {AgentFigures[]} agents
 * @property {ModelFigures[]} models
 * @property {ToolFigures[]} tools
 */

/**
 * @typedef {object} Flag
 * @property {string} session
 * @property {string} agent
 * @property {number} seq
 * @property {number} at
 * @property {string} kind
 * @property {string} what
 * @property {string} level
 * @property {string} reason
 * @property {string} call
 * @property {string} tool
 * @property {boolean} resolved
 */

/**
 * @typedef {object} Listing
 * @property {string} status
 * @property {string} ended
 * @property {string} agent
 * @property {string} text
 * @property {string} flag
 * @property {string} order
 */

/**
 * @typedef {object} Summaries
 * @property {Summary[]} sessions
 * @property {string | null} next
 * @property {number | null} total
 */

export {};
