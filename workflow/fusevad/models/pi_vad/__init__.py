"""PI-VAD: UR-DMU that learns from further modalities and needs RGB alone at test."""
