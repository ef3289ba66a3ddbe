import asyncio
from benchmarks.chaos.inside.agents import agent, settings
from remit.core.errors import *
from remit.server.fleet import worker as w

W = w.Worker


async def _work(self, job):
    task = asyncio.current_task()
    self._working.add(task)
    tries = 0
    try:
        while True:
            try:
                await _one(self, job)
                return
            except JournalError as error:
                if self._draining:
                    return
                w._log.warning("session %s: the database did not do it: %s", job.session, error)
                await asyncio.sleep(w._PAUSES[min(tries, 4)])
                tries += 1
    finally:
        self._working.discard(task)


async def _one(self, job):
    try:
        await self._try(job)
    except SessionBusyError:
        await self._later(job)
    except OverLimitError as error:
        if error.account.startswith(w._RUNS):
            await self._shared.queue.park(job.session, error.account, error.cap)
        else:
            await self._later(job)
    except (ConflictError, CorruptJournalError, UnknownSessionError):
        await self._later(job)
    except JournalError:
        raise
    except RemitError as error:
        await self._later(job)
    except Exception as error:
        await self._broken(job, error)


W._work = _work
