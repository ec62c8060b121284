from types import ModuleType

bank: ModuleType
