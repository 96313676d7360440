#include "CCrashMark.h"
