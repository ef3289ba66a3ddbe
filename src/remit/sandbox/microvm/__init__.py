"""The tier of machines: every program runs in a virtual machine of its own, restored from a snapshot."""

from remit.sandbox.microvm.box import MicrovmBox
from remit.sandbox.microvm.driver import MicrovmSandbox
from remit.sandbox.microvm.machine import Accelerator

__all__ = ["Accelerator", "MicrovmBox", "MicrovmSandbox"]
