// The preprocessing card lives in base, so that models (which know no data) can fill it in.
#pragma once
#include "base/card.h"
