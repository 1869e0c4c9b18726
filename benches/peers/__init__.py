"""Other gateways beside CodeGate: installed from their registries, measured in the same rounds."""
