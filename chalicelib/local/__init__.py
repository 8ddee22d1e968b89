"""The answers on one machine, which are also the honest fakes of every test."""
